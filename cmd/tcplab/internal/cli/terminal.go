package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/tcplab/tcplab/labs/record"
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

// clearLine makes a terminal take away the line that is being written.
const clearLine = "\r\x1b[K"

// progress tells on a terminal what a run waits for and how long is left.
type progress struct {
	w      io.Writer
	active bool
	mu     sync.Mutex
	stop   chan struct{}
}

func newProgress(w io.Writer) *progress {
	_, ok := terminal(w)
	return &progress{w: w, active: ok}
}

// wait is called when a wait begins, and again when it is over.
func (p *progress) wait(w record.Wait) {
	p.done()
	if !p.active || w.WaitedMS > 0 {
		return
	}
	p.stop = make(chan struct{})
	go p.tick(w, time.Now().Add(time.Duration(w.LeftMS)*time.Millisecond), p.stop)
}

func (p *progress) tick(w record.Wait, end time.Time, stop chan struct{}) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		p.mu.Lock()
		select {
		case <-stop:
		default:
			fmt.Fprintf(p.w, clearLine+"waiting for the %s's %s timer (%s): %.1f s left", w.Host, w.Timer, w.For, max(0, time.Until(end).Seconds()))
		}
		p.mu.Unlock()
	}
}

// done takes the line away.
func (p *progress) done() {
	if p.stop == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.stop)
	p.stop = nil
	fmt.Fprint(p.w, clearLine)
}
