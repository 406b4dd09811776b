package vm

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// kept is how much of a console is kept, and shown how many lines of it are shown.
const (
	kept  = 64 << 10
	shown = 40
)

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if len(t.text) > 2*kept {
		t.text = append(t.text[:0], t.text[len(t.text)-kept:]...)
	}
	return len(b), nil
}

// all are the lines that are not empty.
func (t *tail) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []string
	for l := range strings.Lines(string(t.text)) {
		if l = strings.TrimRight(l, " \r\n"); l != "" {
			all = append(all, l)
		}
	}
	return all
}

// lines are the last lines, or those from where a kernel's end begins.
func (t *tail) lines() []string {
	all := t.all()
	for i, l := range all {
		if slices.ContainsFunc(ends, func(e string) bool { return strings.Contains(l, e) }) {
			return all[i:min(len(all), i+shown)]
		}
	}
	return all[max(0, len(all)-shown):]
}

// ends are what a kernel's end begins with.
var ends = []string{"BUG: ", "Oops: ", "Kernel panic", "general protection fault"}

// why says why a guest has ended before it has said all: a panic of its kernel, an error
// of the emulator, which says that by itself (ended is how it has ended), or nobody knows.
func why(console, own *tail, ended error) error {
	for _, l := range console.all() {
		if _, text, ok := strings.Cut(l, "Kernel panic - not syncing: "); ok {
			return errors.New("the kernel has panicked: " + text)
		}
	}
	if lines := own.lines(); len(lines) > 0 {
		return errors.New(lines[len(lines)-1])
	}
	if ended != nil {
		return fmt.Errorf("%s has ended: %w", emulator, ended)
	}
	return fmt.Errorf("it has ended and printed nothing: %w", io.ErrUnexpectedEOF)
}
