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
	if !b.delays(s) || b.held[s.ID] {
		return
	}
	text := fmt.Sprintf("waited for the %s's delayed-ACK timer", s.From)
	if since, ok := b.latest[s.From]; ok {
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

// waitText says how long was waited, for which timer of the kernel, and what it
// has made the kernel do.
func (b *rowBuilder) waitText(w *record.Wait) string {
	if w.Timer == "" && w.For == "idle" {
		if !b.times {
			return "the " + w.Host + " is idle"
		}
		return fmt.Sprintf("the %s is idle for %d ms", w.Host, w.WaitedMS)
	}
	timer := fmt.Sprintf("%s's %s", w.Host, timerOr(w.Timer, "timer"))
	what := ""
	if _, segment, ok := strings.Cut(w.For, ":"); ok {
		what = " (" + segment + ")"
	} else if w.For != "" {
		what = " (" + w.For + ")"
	}
	if !b.times {
		return "waited for the " + timer + what
	}
	text := fmt.Sprintf("waited %d ms for the %s%s, which had %d ms left", w.WaitedMS, timer, what, w.LeftMS)
	if w.WaitedMS > w.LeftMS && !b.waits.told {
		b.waits.told = true
		text += "; timers may be late"
	}
	return text
}
