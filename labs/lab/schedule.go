package lab

import (
	"fmt"
	"strings"
	"time"
)

// A Schedule is when the kernel sends a segment that gets no answer: the rule
// of net/ipv4/tcp_timer.c, computed from the knobs in force. Times are nominal:
// timers never fire early, but up to an eighth late.
type Schedule struct {
	Sends []time.Duration // since the first one, which is 0
	End   time.Duration   // when the kernel gives up
	// least is how many sends there are where timers are so late that the time
	// allowed is over sooner; 0 where that changes nothing.
	least int
}

// initialRTO is the retransmission timeout before there is a round-trip time to
// go by: TCP_TIMEOUT_INIT, RFC 6298 §2.1. No setting changes it.
const initialRTO = time.Second

// minRTO is what the kernel computes lifetimes with, whatever the least
// timeout in force: TCP_RTO_MIN.
const minRTO = 200 * time.Millisecond

// defaultMaxRTO is TCP_RTO_MAX; net.ipv4.tcp_rto_max_ms (since 6.15) lowers it.
const defaultMaxRTO = 120 * time.Second

// maxRTO is the host's longest retransmission timeout.
func (h *Host) maxRTO() time.Duration {
	const key = "net.ipv4.tcp_rto_max_ms"
	if !h.Has(key) {
		return defaultMaxRTO
	}
	return time.Duration(h.Sysctl(key)) * time.Millisecond
}

// SYNSchedule is when the host sends a SYN: tcp_write_timeout and
// tcp_retransmit_timer. The first tcp_syn_linear_timeouts timeouts do not
// double. There are two limits, a count and a time, and the first one rules.
func (h *Host) SYNSchedule() Schedule {
	linear := 0
	if key := "net.ipv4.tcp_syn_linear_timeouts"; h.Has(key) {
		linear = h.Sysctl(key)
	}
	return synSchedule(h.Sysctl("net.ipv4.tcp_syn_retries"), linear, h.maxRTO())
}

func synSchedule(retries, linear int, maxRTO time.Duration) Schedule {
	limit := modelTimeout(retries, initialRTO, maxRTO)
	s := Schedule{Sends: []time.Duration{0}}
	rto := min(initialRTO, maxRTO)
	for timeouts := 1; ; timeouts++ {
		s.End += rto
		retransmits := timeouts - 1
		if retransmits >= retries+linear || retransmits > 0 && s.End >= limit {
			return s
		}
		s.Sends = append(s.Sends, s.End)
		if timeouts > linear {
			rto = min(2*rto, maxRTO)
		}
	}
}

// SYNACKSchedule is when the host sends a SYN,ACK: reqsk_timer_handler. The
// timeout doubles each time, and there is a count alone.
func (h *Host) SYNACKSchedule() Schedule {
	return synackSchedule(h.Sysctl("net.ipv4.tcp_synack_retries"))
}

func synackSchedule(retries int) Schedule {
	s := Schedule{}
	rto := initialRTO
	for range retries + 1 {
		s.Sends = append(s.Sends, s.End)
		s.End += rto
		rto = min(2*rto, defaultMaxRTO)
	}
	return s
}

// OrphanSchedule is when the host sends the FIN of a closed socket whose
// retransmission timeout is rto: tcp_write_timeout. tcp_orphan_retries is no
// count: it is turned into a time, counted from the first retransmission, and
// the socket ends at the first timeout at or after it. 0 stands for 8 as long
// as the timeout is below its maximum.
func (h *Host) OrphanSchedule(rto time.Duration) Schedule {
	retries := h.Sysctl("net.ipv4.tcp_orphan_retries")
	return retransmitSchedule(rto, h.maxRTO(), func(now time.Duration) int {
		if retries == 0 && now < h.maxRTO() {
			return 8
		}
		return retries
	})
}

// DataSchedule is when the host sends data, or the FIN of a socket that is not
// closed, that gets no answer: as OrphanSchedule, by tcp_retries2.
func (h *Host) DataSchedule(rto time.Duration) Schedule {
	return h.RetriesSchedule(h.Sysctl("net.ipv4.tcp_retries2"), rto)
}

// RetriesSchedule is what OrphanSchedule would be with that many
// tcp_orphan_retries, taken as they are.
func (h *Host) RetriesSchedule(retries int, rto time.Duration) Schedule {
	return retransmitSchedule(rto, h.maxRTO(), func(time.Duration) int { return retries })
}

func retransmitSchedule(rto, maxRTO time.Duration, retries func(rto time.Duration) int) Schedule {
	s := Schedule{Sends: []time.Duration{0}}
	rto = min(rto, maxRTO)
	late := time.Duration(0) // since the first retransmission, with timers as late as may be
	for first := time.Duration(0); ; {
		s.End += rto
		if first == 0 {
			first = s.End
		} else {
			limit := modelTimeout(retries(rto), minRTO, maxRTO)
			if s.End-first >= limit {
				return s
			}
			if late += latest(rto); late >= limit && s.least == 0 {
				s.least = len(s.Sends)
			}
		}
		s.Sends = append(s.Sends, s.End)
		rto = min(2*rto, maxRTO)
	}
}

// ProbesTail tells whether the host sends a tail loss probe before the first
// timeout, of which schedules know nothing: tcp_schedule_loss_probe.
func (h *Host) ProbesTail() bool {
	how := h.Sysctl("net.ipv4.tcp_early_retrans")
	return how == 3 || how == 4
}

// modelTimeout is the time that a number of doubling timeouts would take:
// tcp_model_timeout.
func modelTimeout(boundary int, base, maxRTO time.Duration) time.Duration {
	total, rto := time.Duration(0), base
	for range boundary + 1 {
		if rto > maxRTO {
			rto = maxRTO
		}
		total += rto
		rto *= 2
	}
	return total
}

// OnSchedule is the check that segments were sent when the schedule says. Each
// pause may be as much longer as a timer of the kernel may be late: an eighth,
// or 50 ms where that is more (kernel/time/timer.c: calc_index, for HZ from 100
// up).
func OnSchedule(name string, sent []*Segment, want Schedule) Check {
	want = want.allow(len(sent))
	got := make([]time.Duration, len(sent))
	for i, s := range sent {
		got[i] = s.Since(sent[0])
	}
	ok := len(got) == len(want.Sends)
	for i := 1; ok && i < len(got); i++ {
		pause, nominal := got[i]-got[i-1], want.Sends[i]-want.Sends[i-1]
		ok = inTime(pause, nominal)
	}
	return Check{name + "_ms", milliseconds(got), milliseconds(want.Sends), ok}
}

// inTime tells whether a timer that was set to nominal may have taken so long.
// The segments' timestamps have whole milliseconds, so it may seem to be one
// too soon.
func inTime(got, nominal time.Duration) bool {
	return got >= nominal-time.Millisecond && got <= latest(nominal)
}

// latest is how long a timer that was set to nominal may take.
func latest(nominal time.Duration) time.Duration { return nominal + nominal/7 + 50*time.Millisecond }

// Allows tells whether so many sends are by the schedule. Timers may be so late
// that the kernel gives up after fewer than it nominally makes.
func (s Schedule) Allows(sends int) bool {
	return sends == len(s.Sends) || s.least > 0 && sends >= s.least && sends < len(s.Sends)
}

// allow returns the schedule as it is with so many sends, where it allows them.
func (s Schedule) allow(sends int) Schedule {
	if sends == len(s.Sends) || !s.Allows(sends) {
		return s
	}
	return Schedule{Sends: s.Sends[:sends], End: s.Sends[sends]}
}

// InTime is the check that the kernel took, or has left, as long as a timer
// that was set to nominal may take.
func InTime(name string, got, nominal time.Duration) Check {
	return Check{name + "_ms", got.Milliseconds(), nominal.Milliseconds(), inTime(got, nominal)}
}

func milliseconds(times []time.Duration) string {
	words := make([]string, len(times))
	for i, t := range times {
		words[i] = fmt.Sprint(t.Milliseconds())
	}
	return strings.Join(words, " ")
}
