package lab_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// What a missed timer has sent, and the story carries though it has not asked for it, is
// in no punctual run's ladder. Nor is what a missed timeout makes the kernel send again.
func TestLateMissed(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]func(s *lab.Script, client, server *lab.Sock){
		"a put-off ACK is carried": func(s *lab.Script, client, server *lab.Sock) {
			client.Write("hello")
			s.Wire.Pass("client:data")
			server.Write("hello") // the first answer; the next ACK may be put off
			s.Wire.Pass("server:data")
			client.Write("hello")
			s.Wire.Pass("client:data")
			time.Sleep(250 * time.Millisecond)
			client.Write("hello")
			s.Wire.Of(client).Carry(client)
		},
		"a timeout has run out": func(s *lab.Script, client, server *lab.Sock) {
			client.Write(strings.Repeat("x", 3000))
			s.Wire.Next("client:data").Drop()
			lost := s.Wire.TakeAll("client:data")
			time.Sleep(400 * time.Millisecond)
			for _, l := range lost {
				l.Deliver()
			}
			s.Wire.Of(client).Retransmission("client:data").Deliver()
			s.Wire.Of(client).Carry(client)
		},
		"a timeout shows in the congestion window": func(s *lab.Script, client, server *lab.Sock) {
			client.Segment("hello").Hold()
			time.Sleep(400 * time.Millisecond)
			client.Cwnd()
		},
		"a timeout lets less be sent": func(s *lab.Script, client, server *lab.Sock) {
			client.Segment("hello").Hold()
			time.Sleep(400 * time.Millisecond)
			lab.Set(client, sockopt.NoDelay, true)
			client.Write("world")
			s.Wire.Waiting(s.Client)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tellOnce(t, lab.Options{}, func(s *lab.Script) {
				client, server := established(s)
				story(s, client, server)
			})
			if r.Outcome != record.Broken || r.Late == nil || !strings.Contains(r.Error, "held up") {
				t.Errorf("%s: %q, late %+v\n%s", r.Outcome, r.Error, r.Late, ladder(t, r))
			}
		})
	}
}
