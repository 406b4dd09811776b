package lab

import (
	"fmt"
	"strings"
	"time"
)

// A Schedule is when the kernel sends a segment that gets no answer: the rule
// of net/ipv4/tcp_timer.c, computed from the knobs in force. Times are nominal:
// timers are hardly ever early, but on a busy machine they are late.
type Schedule struct {
	Sends []time.Duration // since the first one, which is 0
	End   time.Duration   // when the kernel gives up
	// Where a time decides, and no count: limits has for each send how much must
	// have passed, at the timeout after it, for the kernel to give up, and from
	// is the send since which it is counted.
	limits []time.Duration
	from   int
}

// pause is what a timer is set to: that before the i-th send or, after the
// last, that before the end.
func (s Schedule) pause(i int) time.Duration {
	if i == len(s.Sends) {
		return s.End - s.Sends[i-1]
	}
	return s.Sends[i] - s.Sends[i-1]
}

// As returns the schedule as it is for these attempts: timers may have been so
// late that the time is over sooner, with fewer sends.
func (s Schedule) As(a Attempts) Schedule {
	n := len(a.Sent)
	if n >= len(s.Sends) || n <= s.from || s.limits == nil {
		return s
	}
	if passed := a.End - a.times()[s.from]; passed < s.limits[n-1] {
		return s
	}
	return Schedule{Sends: s.Sends[:n], End: s.Sends[n], limits: s.limits[:n], from: s.from}
}

// Allows tells whether as many attempts as these are by the schedule.
func (s Schedule) Allows(a Attempts) bool { return len(s.As(a).Sends) == len(a.Sent) }

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
		s.limits = append(s.limits, limit)
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
	s := Schedule{from: 1}
	rto = min(rto, maxRTO)
	for {
		s.Sends = append(s.Sends, s.End)
		s.limits = append(s.limits, modelTimeout(retries(rto), minRTO, maxRTO))
		s.End += rto
		last := len(s.Sends) - 1
		if last >= s.from && s.End-s.Sends[s.from] >= s.limits[last] {
			return s
		}
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

func milliseconds(times []time.Duration) string {
	words := make([]string, len(times))
	for i, t := range times {
		words[i] = fmt.Sprint(t.Milliseconds())
	}
	return strings.Join(words, " ")
}
