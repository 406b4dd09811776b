package lab

import (
	"fmt"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// RTO is the socket's retransmission timeout, as the kernel has it in TCP_INFO.
// Like State it only looks: it is no call of the story's.
func (s *Sock) RTO() time.Duration {
	info, err := sockopt.Get(s.fd, sockopt.Info)
	s.host.run.must(s.host.wrap(err))
	return time.Duration(info.RTO) * time.Microsecond
}

// Attempts are how a host tried in vain to get a segment across.
type Attempts struct {
	Sent []*Segment    // the segment, and each time that it was sent again
	End  time.Duration // when the host's socket was gone, since the first
}

// Unanswered loses the next segment of that name ("client:FIN,ACK"), and loses
// it again each time that its sender's timer sends it again, until the sender
// gives up and its socket is gone. The wire must be that of one connection.
func (w *Wire) Unanswered(name string) Attempts {
	sender := w.sender(name)
	a := Attempts{Sent: []*Segment{w.Next(name)}}
	for {
		s := a.Sent[len(a.Sent)-1]
		s.Drop()
		if s = w.nextOrGone(name, sender); s == nil {
			break
		}
		a.Sent = append(a.Sent, s)
	}
	// A busy machine may have let us see a segment some time after it was sent.
	// The one seen soonest tells best when that was.
	gone := time.Now()
	for _, s := range a.Sent {
		a.End = max(a.End, gone.Sub(s.packet.SentAt)+s.Since(a.Sent[0]))
	}
	return a
}

// sender returns the side of the wire's connection that a segment's full name
// says ("client:SYN").
func (w *Wire) sender(name string) *End {
	hostName, _, _ := strings.Cut(name, ":")
	for _, e := range []*End{w.only, w.only.Peer()} {
		if e.host.name == hostName {
			return e
		}
	}
	w.run.fail(fmt.Errorf("wire: %s: no such side of the connection %s", name, w.only.name))
	return nil
}

// nextOrGone waits for the sender's timer to run out, and takes what it sends
// again. It returns nil where the socket is gone instead.
func (w *Wire) nextOrGone(name string, sender *End) *Segment {
	r := w.run
	timer, left := sender.Timer()
	wait := record.Wait{Host: sender.host.name, Socket: sender.name, Timer: timer, For: name, LeftMS: left.Milliseconds()}
	begin := time.Now()
	r.waits(wait)
	over, until := begin.Add(left), begin.Add(left+left/4+r.options.Patience)
	s := w.take(name)
	for gone := false; s == nil && !gone; s = w.take(name) {
		now := time.Now()
		switch {
		case now.After(until):
			r.fail(fmt.Errorf("wire: no %s came; %s: %s is %s", name, sender.host.name, sender.name, sender.State()))
		case now.Before(over):
			r.must(r.wire.Wait(over))
		case sender.State() == record.Close:
			gone = true
			wait.For = record.Close
		default:
			r.must(r.wire.Wait(now.Add(glance)))
		}
	}
	wait.WaitedMS = max(1, time.Since(begin).Milliseconds())
	r.waits(wait)
	if s == nil {
		r.addBefore(&wait)
	} else {
		r.add(&wait)
	}
	return s
}

// GaveUp is the check that between the last of the attempts and the end passed
// as much time as the schedule says.
func GaveUp(name string, a Attempts, want Schedule) Check {
	want = want.allow(len(a.Sent))
	last := a.Sent[len(a.Sent)-1].Since(a.Sent[0])
	return InTime(name, a.End-last, want.End-want.Sends[len(want.Sends)-1])
}
