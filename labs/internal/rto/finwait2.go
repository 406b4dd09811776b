package rto

import "time"

// TimeWait is how long TIME_WAIT lasts, and the longest time that FIN_WAIT2 is
// held as a mini-socket at once: TCP_TIMEWAIT_LEN.
const TimeWait = 60 * time.Second

// A FinWait2 is how long a closed connection is in FIN_WAIT2: tcp_fin_time, and
// __tcp_close or tcp_rcv_state_process. What a timeout has above 60 s is waited
// for by the whole socket first, and then once more by the mini-socket
// (tcp_keepalive_timer), instead of the 60 s.
type FinWait2 struct {
	Whole time.Duration // under the keepalive timer
	Mini  time.Duration // under the timewait timer
}

// FinWait2Of is the life for a timeout (TCP_LINGER2, or
// net.ipv4.tcp_fin_timeout) and a retransmission timeout, of which it is at
// least 3.5.
func FinWait2Of(timeout, rto time.Duration) FinWait2 {
	least := 7 * rto / 2
	timeout = max(timeout, least)
	if timeout <= TimeWait {
		return FinWait2{Mini: timeout}
	}
	rest := timeout - TimeWait
	return FinWait2{Whole: rest, Mini: max(rest, least)}
}

// Latest is the longest that a retransmission timeout can be once an
// acknowledgement has come that was that late: it is a round trip to the kernel
// (tcp_rtt_estimator), which adds an eighth of it, and no more than all of it as
// the variation.
func Latest(rto, late time.Duration) time.Duration { return rto + late + late/8 }

// First is how long the timer runs that comes first.
func (l FinWait2) First() time.Duration {
	if l.Whole > 0 {
		return l.Whole
	}
	return l.Mini
}

// Total is how long both timers run.
func (l FinWait2) Total() time.Duration { return l.Whole + l.Mini }
