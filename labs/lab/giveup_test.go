package lab_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

// A sender that gets no answer sends by its schedule, and is gone when that ends.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	claim := lab.Claim{ID: "by-schedule", Text: "It is.", Source: "here"}
	pin := lab.Turns("retries", "client:net.ipv4.tcp_orphan_retries", "").Pin("1")
	l := &lab.Lab{Name: "test", Title: "A test", Knobs: []lab.Knob{pin}, Claims: []lab.Claim{claim}, Script: func(s *lab.Script) {
		if n := s.Client.Sysctl("net.ipv4.tcp_orphan_retries"); n != 1 {
			t.Errorf("tcp_orphan_retries %d, want what the lab pins", n)
		}
		client, _ := established(s)
		rto := client.RTO()
		if rto < 200*time.Millisecond || rto > time.Second {
			t.Errorf("rto %v", rto)
		}
		schedule := s.Client.OrphanSchedule(1, rto)
		client.Close()
		tries := s.Wire.Of(client).Unanswered("client:FIN,ACK")
		s.Expect("by-schedule", lab.OnSchedule("sent", tries, schedule), lab.GaveUp("last wait", tries, schedule))
		if state := client.State(); state != record.Close {
			t.Errorf("in the end it is %s", state)
		}
	}}
	r := labtest.Run(t, l, lab.Options{})
	if r.Outcome != record.Expected {
		t.Fatalf("%s %s %+v", r.Outcome, r.Error, r.Claims)
	}
	var last []string // what happened in the end, in that order
	for _, e := range r.Events {
		switch b := e.Body.(type) {
		case *record.Wait:
			last = append(last, "wait for "+b.For)
		case *record.State:
			if b.To == record.Close {
				last = append(last, b.To)
			}
		}
	}
	if n := len(last); n < 2 || last[n-2] != "wait for CLOSE" || last[n-1] != record.Close {
		t.Errorf("events %q", last)
	}
}

// What the user says of a sysctl goes before what the lab pins it to.
func TestPin(t *testing.T) {
	s, err := lab.ParseSysctl("client:net.ipv4.tcp_orphan_retries=3")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		o    lab.Options
		want int
	}{
		"nothing": {lab.Options{}, 1}, "the knob": {lab.Options{Args: lab.Args{"retries": "2"}}, 2},
		"--sysctl": {lab.Options{Sysctls: []lab.Sysctl{s}}, 3},
	} {
		got := 0
		l := &lab.Lab{Name: "test", Title: "A test",
			Knobs:  []lab.Knob{lab.Turns("retries", "client:net.ipv4.tcp_orphan_retries", "").Pin("1")},
			Script: func(s *lab.Script) { got = s.Client.Sysctl("net.ipv4.tcp_orphan_retries") },
		}
		r := labtest.Run(t, l, test.o)
		if got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
		told := slices.ContainsFunc(r.Events, func(e record.Event) bool {
			c, ok := e.Body.(*record.Call)
			return ok && c.Call == "sysctl" && c.Host == "client" && c.Args[0] == "net.ipv4.tcp_orphan_retries=1"
		})
		if told != (name == "nothing") {
			t.Errorf("%s: the record tells what the lab pins: %v", name, told)
		}
	}
}
