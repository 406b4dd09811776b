package cli

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// narrow and wide bound the width of what is printed; what is no terminal gets
// the width between.
const (
	narrow   = 80
	wide     = 120
	standard = 100
)

// output is stdout. It remembers the first error, for those that don't look:
// cobra's help is one.
type output struct {
	file *os.File
	err  error
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.file.Write(b)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// Fd tells what kind of file it is.
func (o *output) Fd() uintptr { return o.file.Fd() }

func terminal(w io.Writer) (fd int, ok bool) {
	f, isFile := w.(interface{ Fd() uintptr })
	if !isFile {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}

func columns(w io.Writer) int {
	fd, ok := terminal(w)
	if !ok {
		return standard
	}
	width, _, err := term.GetSize(fd)
	if err != nil || width <= 0 {
		return standard
	}
	return min(max(width, narrow), wide)
}

// colored tells whether to use colour: on a terminal that has it, and never
// with NO_COLOR (no-color.org).
func colored(w io.Writer) bool {
	_, ok := terminal(w)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// utf8Locale tells whether the locale's characters are UTF-8 (locale(7)).
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return false
}
