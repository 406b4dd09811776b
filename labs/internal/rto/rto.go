// Package rto is the arithmetic of net/ipv4/tcp_timer.c: when a kernel sends a
// segment again that gets no answer, and when it gives up. It computes, and asks
// the kernel nothing.
package rto

import "time"

const (
	// Initial is the retransmission timeout before there is a round-trip time to
	// go by: TCP_TIMEOUT_INIT, RFC 6298 §2.1.
	Initial = time.Second
	// Min is what the kernel computes lifetimes with, whatever the least timeout
	// in force: TCP_RTO_MIN.
	Min = 200 * time.Millisecond
	// DefaultMax is TCP_RTO_MAX; net.ipv4.tcp_rto_max_ms (since Linux 6.15)
	// lowers it.
	DefaultMax = 120 * time.Second
)

// A Schedule is when the kernel sends a segment that gets no answer. Times are
// nominal: timers are hardly ever early, but on a busy machine they are late.
type Schedule struct {
	Sends []time.Duration // since the first one, which is 0
	End   time.Duration   // when the kernel gives up
	// ArmedFirst reports whether the timer is set before the segment is sent for
	// the first time, and not after it: a request's is (tcp_conn_request).
	ArmedFirst bool
	// Where a time decides, and no count: limits has for each send how much must
	// have passed, at the timeout after it, for the kernel to give up, and from
	// is the send since which it is counted.
	limits []time.Duration
	from   int
}

// Pause is what a timer is set to: that before the ith send or, after the last,
// that before the end.
func (s Schedule) Pause(i int) time.Duration {
	if i == len(s.Sends) {
		return s.End - s.Sends[i-1]
	}
	return s.Sends[i] - s.Sends[i-1]
}

// As returns the schedule as it is for sends at these times that ended at end,
// all since the first: timers may have been so late that the time was over
// sooner, with fewer sends.
func (s Schedule) As(sent []time.Duration, end time.Duration) Schedule {
	n := len(sent)
	if n >= len(s.Sends) || n <= s.from || s.limits == nil {
		return s
	}
	if passed := end - sent[s.from]; passed < s.limits[n-1] {
		return s
	}
	s.Sends, s.End, s.limits = s.Sends[:n], s.Sends[n], s.limits[:n]
	return s
}

// SYN is when a SYN is sent: tcp_write_timeout and tcp_retransmit_timer. The
// first timeouts, as many as linear (tcp_syn_linear_timeouts), do not double.
// There are two limits, a count and a time, and the first one rules.
func SYN(retries, linear int, max time.Duration) Schedule {
	limit := modelTimeout(retries, Initial, max)
	s := Schedule{Sends: []time.Duration{0}}
	rto := min(Initial, max)
	for timeouts := 1; ; timeouts++ {
		s.End += rto
		retransmits := timeouts - 1
		if retransmits >= retries+linear || retransmits > 0 && s.End >= limit {
			return s
		}
		s.limits = append(s.limits, limit)
		s.Sends = append(s.Sends, s.End)
		if timeouts > linear {
			rto = min(2*rto, max)
		}
	}
}

// SYNACK is when a SYN,ACK is sent: reqsk_timer_handler. The timeout doubles each
// time, and there is a count alone.
func SYNACK(retries int) Schedule {
	s := Schedule{ArmedFirst: true}
	rto := Initial
	for range retries + 1 {
		s.Sends = append(s.Sends, s.End)
		s.End += rto
		rto = min(2*rto, DefaultMax)
	}
	return s
}

// Orphan is when the FIN of a closed socket is sent, by tcp_orphan_retries:
// tcp_orphan_retries(), tcp_write_timeout. 0 stands for 8 as long as the timeout
// is below its maximum.
func Orphan(retries int, rto, max time.Duration) Schedule {
	return retransmit(rto, max, func(now time.Duration) int {
		if retries == 0 && now < max {
			return 8
		}
		return retries
	})
}

// Data is when data, or the FIN of a socket that is not closed, is sent, by
// tcp_retries2: tcp_write_timeout. The number is no count: it is turned into a
// time, counted from the first retransmission, and the socket ends at the first
// timeout at or after it.
func Data(retries int, rto, max time.Duration) Schedule {
	return retransmit(rto, max, func(time.Duration) int { return retries })
}

func retransmit(rto, max time.Duration, retries func(rto time.Duration) int) Schedule {
	s := Schedule{from: 1}
	rto = min(rto, max)
	for {
		s.Sends = append(s.Sends, s.End)
		s.limits = append(s.limits, modelTimeout(retries(rto), Min, max))
		s.End += rto
		last := len(s.Sends) - 1
		if last >= s.from && s.End-s.Sends[s.from] >= s.limits[last] {
			return s
		}
		rto = min(2*rto, max)
	}
}

// modelTimeout is the time that a number of doubling timeouts would take:
// tcp_model_timeout.
func modelTimeout(boundary int, base, max time.Duration) time.Duration {
	total, rto := time.Duration(0), base
	for range boundary + 1 {
		if rto > max {
			rto = max
		}
		total += rto
		rto *= 2
	}
	return total
}
