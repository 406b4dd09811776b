package labs_test

import (
	"net/netip"
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

// of reports whether any host has done it.
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
	last := map[netip.AddrPort]*record.Segment{} // by sender
	called := map[netip.AddrPort]bool{}          // connect: what repeats its SYN,ACK is a connection's timer
	requests := map[[2]netip.AddrPort]bool{}     // a RST ends these without tcp_reset: tcp_check_req
	ignored := map[int]bool{}                    // by packet: outside of the window
	for _, e := range r.Events {
		if v, ok := e.Body.(*record.Kernel); ok && v.Event == record.KfreeSkb && v.Reason == "TCP_INVALID_SEQUENCE" {
			ignored[v.ID] = true
		}
	}
	for _, e := range r.Events {
		switch v := e.Body.(type) {
		case *record.State:
			requests[[2]netip.AddrPort{v.Local, v.Remote}] = v.To == record.SynRecv && !v.Descriptor
		case *record.Kernel:
			said[act{v.Host, v.Event}]++
		case *record.Segment:
			if v.Forged {
				continue
			}
			reset := strings.Contains(v.Flags, "RST")
			if reset && v.Fate == record.Delivered && !ignored[v.ID] && !requests[[2]netip.AddrPort{v.Dst, v.Src}] {
				onWire[act{v.To, record.ReceiveReset}]++
			}
			if seen[v.ID] {
				continue // held, and then let go
			}
			seen[v.ID] = true
			switch {
			case reset:
				onWire[act{v.From, record.SendReset}]++
			case v.Retransmission && v.Flags == "SYN,ACK" && !called[v.Src]:
				onWire[act{v.From, record.RetransmitSynack}]++
			case v.Retransmission && follows(v, last[v.Src]):
				// One piece for the kernel, which it has cut in sending: it was
				// larger than the segments are now.
			case v.Retransmission:
				onWire[act{v.From, record.RetransmitSkb}]++
			}
			called[v.Src] = called[v.Src] || v.Flags == "SYN"
			last[v.Src] = v
		}
	}
	return onWire, said
}

// follows reports whether a segment that was sent again was sent together with
// another, of which it is the continuation.
func follows(v, before *record.Segment) bool {
	return before != nil && before.Retransmission && v.ID == before.ID+1 && v.Seq == before.Seq+uint32(before.Len)
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
