package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// waits knows of the times for which nothing happens.
type waits struct {
	latest map[string]time.Duration // host → when a segment last arrived there
	told   bool                     // that a timer may be late
	// until is where the last row for a delayed ACK stands: one that was sent before it
	// came during that wait.
	until time.Duration
}

// arrives takes in that a segment has arrived.
func (k *waits) arrives(e record.Event, s *record.Segment) {
	if s.Fate != record.Delivered && s.Fate != record.Injected {
		return
	}
	if k.latest == nil {
		k.latest = map[string]time.Duration{}
	}
	k.latest[s.To] = e.At
}

// delayed adds, before an ACK that its sender has put off, a row that says for how
// long: the timer is the kernel's, and no wait of the record's tells of it.
func (b *rowBuilder) delayed(e record.Event, s *record.Segment) {
	since, arrived := b.latest[s.From]
	if !b.delays(s) || b.held[s.ID] || s.SentAt < max(since, b.until) { // the story has waited for something else
		return
	}
	b.until = e.At
	text := fmt.Sprintf("waited for the %s's delayed-ACK timer", s.From)
	if arrived {
		text = fmt.Sprintf("waited %d ms for the %s's delayed-ACK timer", (s.SentAt - since).Milliseconds(), s.From)
	}
	b.remark(e, waiting, text)
}

// delays reports whether a delay of an ACK is shown: it is nothing but time, and where
// the machine is slow the record may not have it.
func (b *rowBuilder) delays(s *record.Segment) bool { return b.times && s.Cause == record.ByDelay }

func (b *rowBuilder) labelOf(s *record.Segment) string {
	text := label(s)
	if b.run.Windows {
		if win := b.offered.word(s); win != "" && !strings.Contains(text, " win=") {
			text += " " + win
		}
	}
	if b.delays(s) {
		text += " delayed"
	}
	return text
}

// wait adds a row for a wait of the story's.
func (b *rowBuilder) wait(e record.Event, w *record.Wait) {
	switch {
	case w.Timer == "" && w.For == "idle":
		b.remark(e, pause, b.pauseText(w.WaitedMS))
	case w.For != "part":
		b.remark(e, waiting, b.waitText(w))
	case b.times: // nothing but time, which the story may have taken anyhow
		b.remark(e, pause, b.pauseText(w.WaitedMS))
	}
}

func (b *rowBuilder) pauseText(ms int64) string {
	if !b.times {
		return "the story lets some time pass"
	}
	return fmt.Sprintf("the story lets %d ms pass", ms)
}

// waitText says how long was waited, for which timer of the kernel, and what it
// has made the kernel do.
func (b *rowBuilder) waitText(w *record.Wait) string {
	text := fmt.Sprintf("the %s's %s%s", w.Host, timerOr(w.Timer, "timer"), waitedFor(w.For))
	if !b.times {
		return "waited for " + text
	}
	text = fmt.Sprintf("waited %d ms for %s, which ", w.WaitedMS, text)
	if w.LeftMS <= 0 {
		return text + "was due"
	}
	text += fmt.Sprintf("had %d ms left", w.LeftMS)
	if w.WaitedMS > w.LeftMS && !b.waits.told {
		b.waits.told = true
		text += "; timers may be late"
	}
	return text
}

// waitedFor says what a timer makes its kernel do: send a segment, or change the
// socket's state.
func waitedFor(what string) string {
	_, segment, ok := strings.Cut(what, ":")
	switch {
	case ok:
		return " (" + segment + ")"
	case what == "":
		return ""
	case what == "set anew":
		return " (it is set again, and nothing is sent)"
	case what == "timewait":
		return " (then the timewait timer runs)"
	case what == "close":
		return " (then close returns)"
	}
	return " (then " + what + ")"
}
