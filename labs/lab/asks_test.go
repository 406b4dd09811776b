package lab_test

import (
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
)

// A question is an action of its own: that the story was held up since the one
// before it is no matter where no timer has run out.
func TestAsksLate(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(*lab.Sock){
		"SO_ERROR":    func(s *lab.Sock) { s.Connected() },
		"getsockname": func(s *lab.Sock) { s.LocalAddr() },
		"getpeername": func(s *lab.Sock) { s.RemoteAddr() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tell(t, lab.Options{}, func(s *lab.Script) {
				client, _ := established(s)
				time.Sleep(1100 * time.Millisecond) // as a machine that is held up
				ask(client)
			})
			if r.Error != "" || r.Late != nil {
				t.Errorf("%s; late %+v", r.Error, r.Late)
			}
		})
	}
}

// Controls act before questions, too.
func TestControlBeforeAQuestion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		before string
		ask    func(*lab.Sock)
	}{
		{"client:getsockopt", func(s *lab.Sock) { s.Connected() }},
		{"client:getpeername", func(s *lab.Sock) { s.RemoteAddr() }},
	} {
		acted := false
		tell(t, lab.Options{Control: &lab.Control{Before: test.before, Do: func(*lab.Script) { acted = true }}}, func(s *lab.Script) {
			client, _ := established(s)
			acted = false
			test.ask(client)
		})
		if !acted {
			t.Errorf("a control before %s has not acted", test.before)
		}
	}
}
