package lab_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A connection that was idle for longer than its timeout because the machine was late
// sends and acknowledges otherwise. No timer tells of it.
func TestLateIdle(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		bytes   int
		pause   func(client *lab.Sock)
		late    bool
		outcome record.Outcome
	}{
		"held up before one segment": {5, holdUp, true, record.Expected},
		"held up before a burst":     {20 * 1000, holdUp, true, record.Broken},
		"idle on purpose":            {20 * 1000, func(c *lab.Sock) { c.Idle(300 * time.Millisecond) }, false, record.Expected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story := func(s *lab.Script) {
				client, server := established(s)
				client.Send("hello")
				server.Read()
				s.Wire.Carry(client)
				test.pause(client)
				client.Write(strings.Repeat("x", test.bytes))
				for d := s.Wire.Take("client:data"); d != nil; d = s.Wire.Take("client:data") {
					d.Deliver()
				}
			}
			r := tellOnce(t, lab.Options{}, story)
			if !test.late {
				r = tell(t, lab.Options{}, story)
			}
			if r.Outcome != test.outcome || (r.Late != nil) != test.late {
				t.Errorf("%s: %s, late %+v", r.Outcome, r.Error, r.Late)
			}
		})
	}
}

// holdUp is what a busy machine does to the story.
func holdUp(*lab.Sock) { time.Sleep(300 * time.Millisecond) }
