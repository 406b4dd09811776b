package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/tcplab/tcplab/labs/record"
)

// refresh is how often what is shown of a wait is brought up to date.
const refresh = 100 * time.Millisecond

// clearLine makes a terminal take away the line that is being written.
const clearLine = "\r\x1b[K"

// progress shows on a terminal what one run waits for: a bar, while there is a
// wait. Elsewhere it shows nothing.
type progress struct {
	w    io.Writer
	bars *mpb.Progress
	bar  *mpb.Bar
	stop chan struct{}
}

func newProgress(w io.Writer) *progress {
	if !movable(w) {
		return &progress{}
	}
	return &progress{w: w}
}

// wait is called when a wait begins, and again when it is over.
func (p *progress) wait(w record.Wait) {
	p.end()
	if p.w == nil || w.WaitedMS > 0 {
		return
	}
	p.stop = make(chan struct{})
	p.bars = mpb.New(mpb.WithOutput(p.w), mpb.WithRefreshRate(refresh), mpb.WithWidth(24), mpb.WithAutoRefresh())
	p.bar = p.bars.New(max(1, w.LeftMS), mpb.BarStyle(),
		mpb.PrependDecorators(decor.Any(func(s decor.Statistics) string { // first, for a narrow window
			return fmt.Sprintf("%.1f s left, ", float64(s.Total-s.Current)/1000)
		}), decor.Name(waitText(w)+" ")))
	go advance(p.bar, time.Now(), w.LeftMS, p.stop)
}

// advance moves a bar along with the time, short of its end.
func advance(bar *mpb.Bar, begin time.Time, total int64, stop chan struct{}) {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			bar.SetCurrent(min(time.Since(begin).Milliseconds(), max(0, total-1)))
		}
	}
}

// end takes the bar away.
func (p *progress) end() {
	if p.bars == nil {
		return
	}
	close(p.stop)
	p.bar.Abort(true) // and drop it
	p.bars.Wait()
	p.bars = nil
	fmt.Fprint(p.w, clearLine)
}

func waitText(w record.Wait) string {
	return fmt.Sprintf("waiting for the %s's %s timer (%s)", w.Host, w.Timer, w.For)
}

// A board shows on a terminal what several runs are at, a line for each.
// Elsewhere it shows nothing.
type board struct {
	w    io.Writer
	bars *mpb.Progress
}

func newBoard(w io.Writer) *board {
	if !movable(w) {
		return &board{}
	}
	return &board{w, mpb.New(mpb.WithOutput(w), mpb.WithRefreshRate(refresh), mpb.WithAutoRefresh())}
}

// add adds a line that says what a lab is at.
func (b *board) add(name string) *line {
	l := &line{text: "waiting for its turn"}
	if b.bars == nil {
		return l
	}
	l.bar = b.bars.New(1, mpb.NopStyle(), mpb.BarRemoveOnComplete(), mpb.PrependDecorators(
		decor.Name(name, decor.WC{W: 14, C: decor.DindentRight}),
		decor.Any(func(decor.Statistics) string { return l.now() })))
	return l
}

// end takes the lines away that are still there.
func (b *board) end() {
	if b.bars != nil {
		b.bars.Wait()
		fmt.Fprint(b.w, clearLine)
	}
}

// A line is what a board says of one lab.
type line struct {
	bar  *mpb.Bar
	mu   sync.Mutex
	text string
	due  time.Time // when the wait that text is about is over
}

func (l *line) say(text string, due time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text, l.due = text, due
}

func (l *line) now() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.due.IsZero() {
		return l.text
	}
	return fmt.Sprintf("%.1f s left, %s", max(0, time.Until(l.due).Seconds()), l.text)
}

// wait is called when a wait begins, and again when it is over.
func (l *line) wait(w record.Wait) {
	if w.WaitedMS > 0 {
		l.say("running", time.Time{})
		return
	}
	l.say(waitText(w), time.Now().Add(time.Duration(w.LeftMS)*time.Millisecond))
}

// end says how the lab has ended.
func (l *line) end(text string) {
	l.say(text, time.Time{})
	if l.bar != nil {
		l.bar.Increment() // of 1: the line is complete
	}
}
