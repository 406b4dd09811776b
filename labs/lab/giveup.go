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
	last TimeLeft      // of the timer that has ended it
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
	again, last := w.loseRetransmissions(name)
	a.Sent, a.last = append(a.Sent, again...), last
	// A busy machine may have let us see a segment some time after it was sent.
	// The one seen soonest tells best when that was.
	gone := time.Now()
	for _, s := range a.Sent {
		a.End = max(a.End, gone.Sub(s.packet.SentAt)+s.Since(a.Sent[0]))
	}
	return a
}

// times are when the attempts were made, since the first.
func (a Attempts) times() []time.Duration {
	times := make([]time.Duration, len(a.Sent))
	for i, s := range a.Sent {
		times[i] = s.Since(a.Sent[0])
	}
	return times
}

// follow tells whether the attempts were made, and given up, by a schedule: each
// timer was set to the pause that it says, and has run out no sooner.
func (a Attempts) follow(want Schedule) bool {
	got := a.times()
	if len(got) != len(want.Sends) || !a.last.wasSetTo(want.pause(len(got))) {
		return false
	}
	for i := 1; i < len(got); i++ {
		if !inTime(got[i]-got[i-1], want.pause(i)) || !a.Sent[i].due.wasSetTo(want.pause(i)) {
			return false
		}
	}
	return true
}

// OnSchedule is the check that the attempts were made by a schedule.
func OnSchedule(name string, a Attempts, want Schedule) Check {
	want = want.As(a)
	return Check{name + "_ms", milliseconds(a.times()), milliseconds(want.Sends), a.follow(want)}
}

// GaveUp is the check that after the last of the attempts the sender has waited
// once more, as the schedule says, and then given up.
func GaveUp(name string, a Attempts, want Schedule) Check {
	want = want.As(a)
	last := len(want.Sends)
	got := a.End - a.Sent[len(a.Sent)-1].Since(a.Sent[0])
	return Check{name + "_ms", got.Milliseconds(), want.pause(last).Milliseconds(),
		inTime(got, want.pause(last)) && a.last.wasSetTo(want.pause(last))}
}

// GaveUpAfter is the check that the sender has given up as long after the first
// of the attempts as the schedule says.
func GaveUpAfter(name string, a Attempts, want Schedule) Check {
	want = want.As(a)
	return Check{name + "_ms", a.End.Milliseconds(), want.End.Milliseconds(), a.follow(want) && inTime(a.End, want.End)}
}
