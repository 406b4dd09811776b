package prompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/tcplab/tcplab/labs/record"
)

// An editor is a terminal that is raw for as long as the session lasts: Ctrl-C is a
// key, and so no signal that would end the program.
type editor struct {
	in, out  *os.File
	terminal *term.Terminal
	before   *term.State // of the terminal
	complete func(line string) (keep int, candidates []string)
	inBlock  func() bool

	ctx     context.Context // of the line that is read
	keys    chan keys
	rest    []byte // keys that nobody has read yet
	cleared bool   // Ctrl-C has given the line up

	mu     sync.Mutex
	cancel context.CancelFunc // ends what is told; nil at a prompt
	wait   chan struct{}      // closed when the wait is over that is shown; nil for none

	signals chan os.Signal
}

// keys are some that were pressed, or why no more come. With clear they are those
// that make the line empty and end it.
type keys struct {
	pressed []byte
	clear   bool
	err     error
}

// maxKeys is how many reads of the terminal may wait: what is typed, or pasted, beyond
// that while a story is told is lost, so that Ctrl-C is heard all the same.
const maxKeys = 4096

// The keys that are no business of the line editor's.
const (
	ctrlC = 0x03
	ctrlZ = 0x1a
)

// clearing makes x/term's line empty and ends it: ~ ends a key sequence that has
// begun, and then come the keys for the line's end, delete to its beginning, and enter.
var clearing = []byte("~\x05\x15\r")

func newEditor(in, out *os.File) (*editor, error) {
	e := &editor{in: in, out: out, keys: make(chan keys, maxKeys), signals: make(chan os.Signal, 1)}
	var err error
	if e.before, err = term.GetState(int(in.Fd())); err != nil {
		return nil, err
	}
	e.terminal = term.NewTerminal(e, "")
	e.terminal.History = &history{}
	e.terminal.AutoCompleteCallback = e.key
	e.raw()
	signal.Notify(e.signals, unix.SIGWINCH, unix.SIGCONT)
	go e.follow()
	go e.listen()
	return e, nil
}

// close gives the terminal back as it was.
func (e *editor) close() {
	signal.Stop(e.signals)
	e.restore()
}

// raw makes the terminal raw, and has it tell what is pasted from what is typed.
func (e *editor) raw() {
	_, _ = term.MakeRaw(int(e.in.Fd()))
	e.terminal.SetBracketedPasteMode(true)
}

func (e *editor) restore() {
	e.terminal.SetBracketedPasteMode(false)
	_ = term.Restore(int(e.in.Fd()), e.before)
}

// follow follows the window's size, and makes the terminal raw again after a stop.
func (e *editor) follow() {
	for s := range e.signals {
		if s == unix.SIGCONT {
			e.raw()
			_, _ = e.terminal.Write(nil) // draws the line
		}
		e.size()
	}
}

func (e *editor) size() {
	if width, height, err := term.GetSize(int(e.out.Fd())); err == nil {
		_ = e.terminal.SetSize(width, height)
	}
}

// listen reads the keys, so that Ctrl-C is heard while a story is told.
func (e *editor) listen() {
	for {
		b := make([]byte, 256)
		n, err := e.in.Read(b)
		for b = b[:n]; len(b) > 0; {
			i := bytes.IndexAny(b, string([]byte{ctrlC, ctrlZ}))
			if i < 0 {
				i = len(b)
			}
			if i > 0 {
				e.press(keys{pressed: b[:i]})
			}
			if b = b[i:]; len(b) == 0 {
				break
			}
			switch {
			case b[0] == ctrlZ:
				e.suspend()
			case !e.interrupt():
				e.press(keys{pressed: clearing, clear: true})
			}
			b = b[1:]
		}
		if err != nil {
			e.keys <- keys{err: err}
			return
		}
	}
}

func (e *editor) press(k keys) {
	select {
	case e.keys <- k:
	default:
	}
}

// interrupt ends what is told, and reports whether anything was. What was typed
// meanwhile is forgotten.
func (e *editor) interrupt() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel == nil {
		return false
	}
	e.cancel()
	for len(e.keys) > 0 {
		<-e.keys
	}
	return true
}

// suspend stops the program, as Ctrl-Z does where the terminal is not raw. follow
// makes the terminal raw again.
func (e *editor) suspend() {
	e.restore()
	_ = unix.Kill(0, unix.SIGTSTP) // as the terminal does: an ordinary user's tcplab is two processes
	time.Sleep(100 * time.Millisecond)
	e.raw() // where there is nobody who could continue it, it was not stopped
}

// Read gives x/term the keys.
func (e *editor) Read(b []byte) (int, error) {
	for len(e.rest) == 0 {
		select {
		case k := <-e.keys:
			if k.err != nil {
				return 0, k.err
			}
			e.rest = k.pressed
			e.cleared = e.cleared || k.clear
		case <-e.ctx.Done():
			return 0, e.ctx.Err()
		}
	}
	n := copy(b, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// Write writes what x/term draws straight to the terminal, and what others write
// through x/term, which knows where the cursor is: see text.
func (e *editor) Write(b []byte) (int, error) { return e.out.Write(b) }

// text is where others write: above the line that is edited.
func (e *editor) text() io.Writer { return e.terminal }

func (e *editor) line(ctx context.Context, prompt string) (string, bool, error) {
	e.ctx, e.cleared = ctx, false
	e.size()
	e.terminal.SetPrompt(prompt)
	text, err := e.terminal.ReadLine()
	pasted := errors.Is(err, term.ErrPasteIndicator)
	switch {
	case pasted:
		err = nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case err != nil: // the end, or a terminal that is gone
		err = io.EOF
	case e.cleared:
		err = errCleared
	}
	if err != nil && !errors.Is(err, errCleared) {
		fmt.Fprint(e.out, "\r\n")
	}
	return text, pasted, err
}

func (e *editor) during(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cancel = cancel
	return ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.cancel = nil
		e.over()
		cancel()
	}
}

// clearLine makes a terminal take away the line that is being written.
const clearLine = "\r\x1b[K"

// waits shows what is waited for while a story is told, and takes it away.
func (e *editor) waits(w record.Wait, again bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over()
	if w.WaitedMS > 0 || e.cancel == nil {
		return
	}
	e.wait = make(chan struct{})
	text := fmt.Sprintf("left of the %s's %s timer (%s)", w.Host, w.Timer, w.For)
	if again {
		text += ", told again"
	} else {
		text += "; Ctrl-C ends it"
	}
	go e.count(time.Duration(w.LeftMS)*time.Millisecond, text, e.wait)
}

// over takes away what is shown of a wait.
func (e *editor) over() {
	if e.wait != nil {
		close(e.wait)
		e.wait = nil
		fmt.Fprint(e.out, clearLine)
	}
}

// count counts down the time that is left, before a text.
func (e *editor) count(left time.Duration, text string, over chan struct{}) {
	due := time.Now().Add(left)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		width, _, err := term.GetSize(int(e.out.Fd()))
		if err != nil {
			return
		}
		line := fmt.Sprintf("%.1f s %s", max(0, time.Until(due).Seconds()), text)
		e.mu.Lock()
		if e.wait == over {
			fmt.Fprint(e.out, clearLine+line[:min(len(line), max(0, width-1))])
		}
		e.mu.Unlock()
	}
}

// indent is what Tab gives at the beginning of a line in a block.
const indent = "    "

// key completes a word when Tab is pressed.
func (e *editor) key(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	before, after := line[:pos], line[pos:]
	if strings.TrimSpace(before) == "" && e.inBlock() {
		before += indent
		return before + after, len(before), true
	}
	keep, candidates := e.complete(before)
	if len(candidates) == 0 {
		return line, pos, true
	}
	common := candidates[0]
	for _, c := range candidates[1:] {
		for !strings.HasPrefix(c, common) {
			common = common[:len(common)-1]
		}
	}
	if len(candidates) > 1 && len(common) <= pos-keep {
		e.list(candidates)
		return line, pos, true
	}
	if len(common) > pos-keep {
		before = before[:keep] + common
	}
	return before + after, len(before), true
}

// list shows the candidates in columns above the line.
func (e *editor) list(candidates []string) {
	width, _, err := term.GetSize(int(e.out.Fd()))
	if err != nil {
		return
	}
	_, _ = e.terminal.Write([]byte(columns(candidates, width) + "\n"))
}

// A history is the lines that were typed, without empty ones and repetitions.
type history struct{ lines []string }

const maxHistory = 500

func (h *history) Add(line string) {
	if strings.TrimSpace(line) == "" || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	h.lines = h.lines[max(0, len(h.lines)-maxHistory):]
}

func (h *history) Len() int { return len(h.lines) }

// At returns an entry; the latest is 0.
func (h *history) At(i int) string { return h.lines[len(h.lines)-1-i] }
