package lab

import (
	"time"

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
// gives up and its socket is gone. Where the story has lost it already, lost is
// that segment, and Unanswered loses what is sent again. The wire must be that
// of one connection.
func (w *Wire) Unanswered(name string, lost ...*Segment) Attempts {
	a := Attempts{Sent: lost}
	if lost == nil {
		a.Sent = []*Segment{w.Next(name)}
		a.Sent[0].Drop()
	}
	a.Sent = append(a.Sent, w.LoseRetransmissions(name)...)
	// A busy machine may have let us see a segment some time after it was sent.
	// The one seen soonest tells best when that was.
	gone := time.Now()
	for _, s := range a.Sent {
		a.End = max(a.End, gone.Sub(s.packet.SentAt)+s.Since(a.Sent[0]))
	}
	return a
}

// GaveUp is the check that between the last of the attempts and the end passed
// as much time as the schedule says.
func GaveUp(name string, a Attempts, want Schedule) Check {
	want = want.allow(len(a.Sent))
	last := a.Sent[len(a.Sent)-1].Since(a.Sent[0])
	return InTime(name, a.End-last, want.End-want.Sends[len(want.Sends)-1])
}
