package lab

import (
	"fmt"
	"math"
	"time"

	"github.com/tcplab/tcplab/labs/internal/rto"
)

// NoDoubling is why a claim about timeouts that double does not apply then.
const NoDoubling = "with tcp_thin_linear_timeouts the timeouts of a single segment do not double"

// maxRTO is the host's longest retransmission timeout.
func (p *program) maxRTO() time.Duration {
	ms := p.SysctlOr("net.ipv4.tcp_rto_max_ms", int(rto.DefaultMax.Milliseconds()))
	return time.Duration(ms) * time.Millisecond
}

// SYNSchedule is when the host sends a SYN that gets no answer, by the sysctls in
// force.
func (p *program) SYNSchedule() Schedule {
	linear := p.SysctlOr("net.ipv4.tcp_syn_linear_timeouts", 0)
	return rto.SYN(p.Sysctl("net.ipv4.tcp_syn_retries"), linear, p.maxRTO())
}

// SYNACKSchedule is when the host sends a SYN,ACK that gets no answer.
func (p *program) SYNACKSchedule() Schedule {
	return rto.SYNACK(p.Sysctl("net.ipv4.tcp_synack_retries"))
}

// OrphanSchedule is when the host sends the FIN of a closed socket whose
// retransmission timeout is timeout, by that many tcp_orphan_retries.
func (p *program) OrphanSchedule(retries int, timeout time.Duration) Schedule {
	p.checkSchedule(retries, timeout)
	return rto.Orphan(retries, timeout, p.maxRTO())
}

// DataSchedule is when the host sends data, or the FIN of a socket that is not
// closed, by that many tcp_retries2.
func (p *program) DataSchedule(retries int, timeout time.Duration) Schedule {
	p.checkSchedule(retries, timeout)
	return rto.Data(retries, timeout, p.maxRTO())
}

// checkSchedule refuses what no kernel has, and what a schedule would have no end with.
func (p *program) checkSchedule(retries int, timeout time.Duration) {
	const most, least = math.MaxUint8, time.Millisecond
	if retries < 0 || retries > most || timeout < least {
		p.run.fail(fmt.Errorf("%s: no schedule is of %d retries and a timeout of %v: they are 0 to %d, and %v at least", p.Name(), retries, timeout, most, least))
	}
}
