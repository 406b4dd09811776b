package lab_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// A broken run of a story in Go says on which line it broke, and what to do there.
func TestWhere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		story func(*lab.Script)
		want  string
	}{
		"a word": {func(s *lab.Script) { s.Sock("late") }, `the story has no socket that it calls "late"`},
		"a word of a generic type": {func(s *lab.Script) {
			_, _ = s.Connection()
			closed := s.Sock("client")
			closed.Close()
			lab.Set(closed, sockopt.KeepAlive, true)
		}, "setsockopt"},
		"a panic in a word": {func(s *lab.Script) {
			s.Connection()
			s.Wire.Take("data").MSS() // there is none
		}, "the story panicked: runtime error"},
		"nothing to accept yet": {func(s *lab.Script) {
			listener := s.Server.Listen(80, 1)
			s.Client.Connect(listener)
			listener.Accept()
		}, "server: accept(3): EAGAIN; on the wire: client: SYN; server: nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tell(t, lab.Options{Patience: 50 * time.Millisecond}, test.story)
			if r.Outcome != record.Broken || !strings.HasPrefix(r.Error, "where_test.go:") || !strings.Contains(r.Error, test.want) {
				t.Errorf("%s: %s\nwant where_test.go:LINE: %s", r.Outcome, r.Error, test.want)
			}
		})
	}
}

// Where a story awaits a segment by the wrong word or name, the error names the right one.
func TestWrongWord(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		story func(*lab.Script)
		want  string
	}{
		"Next for a keepalive": {func(s *lab.Script) {
			client, _ := s.Connection()
			probeSoon(client)
			s.Wire.Next("client:ACK")
		}, "a timer sent it, and it repeats nothing: a Probe"},
		"Retransmission for a keepalive": {func(s *lab.Script) {
			client, _ := s.Connection()
			probeSoon(client)
			s.Wire.Retransmission("client:ACK")
		}, "a timer sent it, and it repeats nothing: a Probe"},
		"FIN without its ACK": {func(s *lab.Script) {
			client, _ := s.Connection()
			client.Close()
			s.Wire.Next("client:FIN")
		}, "is client:FIN,ACK meant?"},
		"Next for a SYN again": {func(s *lab.Script) {
			s.Client.Connect(s.Server.Listen(80, 1))
			s.Wire.Next("SYN").Drop()
			s.Wire.Next("SYN")
		}, "a timer sent it again: a Retransmission"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tell(t, lab.Options{Patience: 1500 * time.Millisecond}, test.story)
			if r.Outcome != record.Broken || !strings.HasSuffix(r.Error, test.want) {
				t.Errorf("%s: %s\nwant at its end: %s", r.Outcome, r.Error, test.want)
			}
		})
	}
}

// probeSoon lets the first keepalive probe come after a second.
func probeSoon(s *lab.Sock) {
	lab.Set(s, sockopt.KeepIdle, 1)
	lab.Set(s, sockopt.KeepAlive, true)
}

// A control that never comes to act says what there was to act on.
func TestNeverActs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		control lab.Control
		want    string
	}{
		"segment": {lab.Control{Segment: "client:data#2"},
			"the control never acts: no segment that the story takes is client:data#2: it takes client:SYN, server:SYN,ACK, client:ACK, client:data seq=1"},
		"of no socket": {lab.Control{Segment: "client:data", Of: "late"},
			`the control never acts: the story has no socket that it calls "late", but client, listener, server`},
		"call": {lab.Control{Before: "client:write#2"},
			"the control never acts: no call is client:write#2: there are client:socket, client:bind, client:connect, client:write"},
		"call on no socket": {lab.Control{Before: "write"},
			`the control never acts: write: the story has no socket that it calls "write", but client, listener, server`},
		"broken before": {lab.Control{Before: "client:write", Do: func(s *lab.Script) { s.Sock("client").Close() }},
			"in the control's run the claim is not judged: where_test.go:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claim := lab.Claim{ID: "it-is", Text: "It is.", Source: "here", Control: test.control}
			l := &lab.Lab{Name: "test", Claims: []lab.Claim{claim}, Script: func(s *lab.Script) {
				client, _ := s.Connection()
				client.Write("x")
				s.Wire.Deliver("client:data")
				s.Expect("it-is", lab.Is("it", true, true))
			}}
			r, _, err := lab.Sabotage(t.Context(), l, &claim, false)
			if r == nil && err != nil {
				labtest.SkipIfMissing(t, err)
			}
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%v\nwant %s", err, test.want)
			}
		})
	}
}
