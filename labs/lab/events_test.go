package lab_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// addresses compares addresses by ==.
var addresses = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{})

// told runs a story and wants what it tells while it goes on to be what is in
// the record then: the same events, in the same order.
func told(t *testing.T, o lab.Options, story func(*lab.Script)) *record.Run {
	t.Helper()
	var begun *record.Run
	var events []record.Event
	o.OnStart = func(r *record.Run) error { begun, events = r, nil; return nil }
	o.OnEvent = func(e record.Event) error { events = append(events, e); return nil }
	r := tell(t, o, story)
	if diff := cmp.Diff(r.Events, events, addresses); diff != "" {
		t.Errorf("events (-record +told):\n%s", diff)
	}
	if diff := cmp.Diff(r.Environment, begun.Environment, addresses); diff != "" {
		t.Errorf("environment (-record +told at the start):\n%s", diff)
	}
	return r
}

// What a timer leads to comes after the wait for it, in the record and when it
// is told.
func TestEventsOfWaits(t *testing.T) {
	t.Parallel()
	r := told(t, lab.Options{}, func(s *lab.Script) {
		s.Server.SetDefault("net.ipv4.tcp_synack_retries", "1")
		client := s.Client.Connect(s.Server.Listen(80, 1))
		s.Wire.Next("SYN").Drop()
		of := s.Wire.Of(client)
		of.Retransmission("client:SYN").Deliver()
		of.Unanswered("server:SYN,ACK")
	})
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	waits := 0
	for i, e := range r.Events {
		if i > 0 && e.At < r.Events[i-1].At {
			t.Errorf("event %d is of %v, and the one before it of %v", i, e.At, r.Events[i-1].At)
		}
		if _, ok := e.Body.(*record.Wait); ok {
			waits++
			if s, ok := r.Events[i+1].Body.(*record.State); !ok || s.Retransmits == 0 && s.To != record.Close {
				t.Errorf("after wait %d there is %+v, want what the timer has led to", waits, r.Events[i+1].Body)
			}
		}
	}
	if waits != 3 {
		t.Errorf("%d waits, want 3: for the SYN, for the SYN,ACK, and for its end", waits)
	}
}

// A wait in vain is told too: what it has led to comes after it.
func TestEventsOfWaitInVain(t *testing.T) {
	t.Parallel()
	r := told(t, lab.Options{Patience: time.Millisecond}, func(s *lab.Script) {
		client := s.Client.Connect(s.Server.Listen(80, 1))
		client.Await(record.Close)
	})
	last := r.Events[len(r.Events)-2:]
	_, wait := last[0].Body.(*record.Wait)
	state, ok := last[1].Body.(*record.State)
	if r.Error == "" || !wait || !ok || state.Retransmits != 1 {
		t.Errorf("error %q; the last events are %+v and %+v", r.Error, last[0].Body, last[1].Body)
	}
}

// Who can't take an event ends the story.
func TestEventsRefused(t *testing.T) {
	full := errors.New("the disk is full")
	for name, o := range map[string]lab.Options{
		"at the start": {OnStart: func(*record.Run) error { return full }},
		"later":        {OnEvent: func(record.Event) error { return full }},
	} {
		r := tell(t, o, func(s *lab.Script) {
			s.Server.Listen(80, 1)
			t.Errorf("%s: the story goes on", name)
		})
		if r.Outcome != record.Broken || complaint(r) != full.Error() {
			t.Errorf("%s: %s, %q", name, r.Outcome, r.Error)
		}
	}
}
