package report

import (
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// labelOf is what a segment's label says, with what tcplab has done to it.
func labelOf(r row) string {
	switch {
	case r.segment.Forged && r.segment.Timestamp != "":
		return r.label + " forged ts=" + string(r.segment.Timestamp)
	case r.segment.Forged:
		return r.label + " forged"
	case r.segment.Fate == record.Injected:
		return r.label + " copy"
	}
	return r.label
}

// labelIn is what stands on a segment's arrow, in so much room, and which of its
// numbers stand below for want of it.
func labelIn(r row, room int) (label, missed string) {
	all := labelOf(r)
	label = shorten(all, room)
	return " " + label + " ", missing(all, label)
}

// missing are the numbers that a label has lost when it was made short.
func missing(all, short string) string {
	has := strings.Split(short, " ")
	return strings.Join(slices.DeleteFunc(strings.Split(all, " "), func(word string) bool {
		return !strings.Contains(word, "=") || slices.Contains(has, word)
	}), " ")
}

// shorten leaves out of a label what can best be missed until it fits: the
// sequence number of a SYN, which is 0; then the acknowledgement number, the
// sequence number, the length, the window, and why it is sent again. A probe is known by its
// sequence number, also where that is 0.
func shorten(label string, room int) string {
	words := strings.Split(label, " ")
	fits := func() bool { return length(strings.Join(words, " ")) <= room }
	drop := func(prefix string) {
		words = slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, prefix) })
	}
	missed := []string{"seq=0", "ack=", "seq=", "len=", "win=", "ts=", "sack="}
	if strings.Contains(label, " keepalive") || strings.Contains(label, " window probe") {
		missed = missed[1:]
	}
	for _, prefix := range missed {
		if !fits() {
			drop(prefix)
		}
	}
	if !fits() { // "again" says less, and that is better than nothing
		words = strings.Split(strings.Replace(strings.Join(words, " "), " fast retransmit", " again", 1), " ")
	}
	if !fits() {
		for _, word := range []string{"again", "delayed", "TLP", "keepalive", "window", "probe"} {
			drop(word)
		}
	}
	return cut(strings.Join(words, " "), room)
}
