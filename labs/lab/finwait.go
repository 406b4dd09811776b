package lab

import (
	"fmt"
	"time"

	"github.com/tcplab/tcplab/sockopt"
)

// Get reads a socket option: getsockopt(2).
func Get[T any](s *Sock, option sockopt.Option[T]) T {
	s.host.before("getsockopt")
	v, err := sockopt.Get(s.fd, option)
	s.host.run.must(s.host.wrap(err))
	s.host.call("getsockopt", 0, nil, []string{s.arg(), option.Name, fmt.Sprintf("[%v]", v)})
	return v
}

// timeWaitLen is how long TIME_WAIT lasts, and the longest time that FIN_WAIT2
// is held as a mini-socket at once: TCP_TIMEWAIT_LEN.
const timeWaitLen = 60 * time.Second

// A FinWait2Life is how long a closed connection is in FIN_WAIT2: tcp_fin_time,
// and __tcp_close or tcp_rcv_state_process. What a timeout has above 60 s is
// waited for by the whole socket first, and then once more by the mini-socket
// (tcp_keepalive_timer), instead of the 60 s.
type FinWait2Life struct {
	Whole time.Duration // under the keepalive timer
	Mini  time.Duration // under the timewait timer
}

// FinWait2LifeOf is the life for a timeout in seconds (TCP_LINGER2, or
// net.ipv4.tcp_fin_timeout) and a retransmission timeout, of which it is at
// least 3.5.
func FinWait2LifeOf(seconds int, rto time.Duration) FinWait2Life {
	least := 7 * rto / 2
	timeout := max(time.Duration(seconds)*time.Second, least)
	if timeout <= timeWaitLen {
		return FinWait2Life{Mini: timeout}
	}
	rest := timeout - timeWaitLen
	return FinWait2Life{Whole: rest, Mini: max(rest, least)}
}

// LatestRTO is the longest that a retransmission timeout can be once an
// acknowledgement has come that was that late: it is a round trip to the kernel
// (tcp_rtt_estimator), which adds an eighth of it, and no more than all of it as
// the variation.
func LatestRTO(rto, late time.Duration) time.Duration { return rto + late + late/8 }

// First is how long the timer runs that comes first.
func (l FinWait2Life) First() time.Duration {
	if l.Whole > 0 {
		return l.Whole
	}
	return l.Mini
}

// Total is how long both timers run.
func (l FinWait2Life) Total() time.Duration { return l.Whole + l.Mini }
