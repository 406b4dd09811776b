package cli

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/tcplab/tcplab/labs/report"
)

// wide bounds the width of what is printed where the user does not give one: a
// ladder that is wider is harder to read. standard is that of what is no terminal.
const (
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

// closed reports whether a standard file looks as one does that was closed when
// tcplab was started: the Go runtime has opened /dev/null there, for reading and
// writing. A shell's >/dev/null is for writing alone, but some programs that start
// others open it for both.
func closed(f *os.File) bool {
	var s unix.Stat_t
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR && unix.Fstat(int(f.Fd()), &s) == nil &&
		s.Mode&unix.S_IFMT == unix.S_IFCHR && s.Rdev == unix.Mkdev(1, 3)
}

func terminal(w io.Writer) (fd int, ok bool) {
	f, isFile := w.(interface{ Fd() uintptr })
	if !isFile {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}

// columns is how wide to print: as COLUMNS or the terminal has it.
func columns(w io.Writer) int {
	width, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if fd, ok := terminal(w); ok && (err != nil || width <= 0) {
		width, _, err = term.GetSize(fd)
	}
	if err != nil || width <= 0 {
		return standard
	}
	return min(max(width, report.MinWidth), wide)
}

// widthKnown reports whether COLUMNS or the terminal says how wide to print.
func widthKnown(w io.Writer) bool {
	_, ok := terminal(w)
	return ok || os.Getenv("COLUMNS") != ""
}

// A widthValue is the flag --width: what it gives goes before all else.
type widthValue int

func (v *widthValue) addTo(cmd *cobra.Command) {
	cmd.Flags().Var(v, "width", helpText("print N columns wide, instead of the width of COLUMNS or of the terminal"))
}

func (v *widthValue) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < report.MinWidth || n > report.MaxWidth {
		return errors.New("") // the command line says what is allowed
	}
	*v = widthValue(n)
	return nil
}

func (v *widthValue) Type() string { return "N" }

func (v *widthValue) String() string {
	if *v == 0 {
		return ""
	}
	return strconv.Itoa(int(*v))
}

// of is the width to print to w with.
func (v *widthValue) of(w io.Writer) int {
	if *v != 0 {
		return int(*v)
	}
	return columns(w)
}

// movable reports whether w is a terminal on which a line can be written anew.
func movable(w io.Writer) bool {
	_, ok := terminal(w)
	return ok && os.Getenv("TERM") != "dumb"
}

// colored reports whether to use colour: on a terminal that has it, and never
// with NO_COLOR (no-color.org).
func colored(w io.Writer) bool {
	return movable(w) && os.Getenv("NO_COLOR") == ""
}

// utf8Locale reports whether the locale's characters are UTF-8 (locale(7)).
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return false
}
