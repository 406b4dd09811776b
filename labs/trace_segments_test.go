package labs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

// An act is what a host does by the kernel's account, and what is to be seen of it
// on the wire.
type act struct{ host, event string }

// acted counts acts.
type acted map[act]int

// of tells whether any host has done it.
func (a acted) of(event string) bool {
	for act := range a {
		if act.event == event {
			return true
		}
	}
	return false
}

// acts counts what the hosts have done, by both witnesses.
func acts(r *record.Run) (onWire, said acted) {
	onWire, said = acted{}, acted{}
	seen := map[int]bool{}
	for _, e := range r.Events {
		switch v := e.Body.(type) {
		case *record.Kernel:
			said[act{v.Host, v.Event}]++
		case *record.Segment:
			if v.Forged {
				continue
			}
			reset := strings.Contains(v.Flags, "RST")
			if reset && v.Fate == record.Delivered {
				onWire[act{v.To, record.ReceiveReset}]++
			}
			if seen[v.ID] {
				continue // held, and then let go
			}
			seen[v.ID] = true
			switch {
			case reset:
				onWire[act{v.From, record.SendReset}]++
			case v.Retransmission && v.Flags == "SYN,ACK":
				onWire[act{v.From, record.RetransmitSynack}]++
			case v.Retransmission:
				onWire[act{v.From, record.RetransmitSkb}]++
			}
		}
	}
	return onWire, said
}

// sameActs wants everything that a host was seen to do in the kernel's account of
// it. That may have more: what a story has left on the wire.
func sameActs(t *testing.T, r *record.Run) {
	t.Helper()
	onWire, said := acts(r)
	for a, n := range onWire {
		if said[a] < n && slices.Contains(r.Environment.Trace, a.event) {
			t.Errorf("%s of the %s: %d to be seen, and %d in the kernel's account", a.event, a.host, n, said[a])
		}
	}
}
