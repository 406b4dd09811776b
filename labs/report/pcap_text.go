package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// saysSent tells at the sender what becomes of a segment, and for how long it was held
// before that.
func saysSent(s *record.Segment, held time.Duration) string {
	what := saysWhyOr(s, "sent")
	if held > 0 {
		what += fmt.Sprintf(", held on the wire for %.2f ms", float64(held.Microseconds())/1000)
	}
	switch s.Fate {
	case record.Dropped:
		return what + ", lost on the wire."
	case record.Held:
		return what + ", held on the wire."
	case record.Injected:
		return what + ", on the wire, and a copy of it delivered."
	}
	return what + ", delivered."
}

// saysWhyOr tells why a segment was sent, or that it was.
func saysWhyOr(s *record.Segment, or string) string { return cmp.Or(saysWhy(s), or) }

// saysThrown tells that the receiver has thrown away what has arrived; "" if not.
func saysThrown(r *row) string {
	who := r.dropped()
	if who == "" {
		return ""
	}
	text := " It is " + who
	for _, reason := range r.kernel {
		text += ": " + explained(strings.TrimPrefix(reason, dropsIt))
	}
	return text + "."
}

// saysArrived tells at the receiver how a segment came.
func saysArrived(s *record.Segment, held bool) string {
	switch {
	case s.Forged:
		return fmt.Sprintf("forged by tcplab: the %s never sent it.", s.From)
	case s.Fate == record.Injected:
		return "a copy made by tcplab arrives."
	case held:
		return "arrives, held on the wire until now."
	}
	return "arrives."
}

// saysEnds tells what both ends are.
func saysEnds(ends []End) string {
	var all []string
	for _, e := range ends {
		if e.State == "" {
			all = append(all, e.Host+" without a socket")
			continue
		}
		var more []string
		if e.From != "" {
			more = append(more, "was "+e.From)
		}
		if e.Detail != "" {
			more = append(more, e.Detail)
		}
		text := e.Host + " " + e.State
		if more != nil {
			text += " (" + strings.Join(more, "; ") + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}
