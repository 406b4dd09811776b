package lab

// ProbesTail reports whether the host sends a tail loss probe before the first
// retransmission timeout, of which schedules know nothing: tcp_schedule_loss_probe.
func (p *program) ProbesTail() bool {
	how := p.Sysctl("net.ipv4.tcp_early_retrans")
	return how == 3 || how == 4
}

// TailLossProbe is why a claim about the first timeout does not apply then.
const TailLossProbe = "with tcp_early_retrans a tail loss probe comes before the first timeout"
