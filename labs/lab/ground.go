package lab

import "runtime"

// StopIf ends the story here where it has no ground to go on: the claims that are not
// judged yet are inapplicable, and why says what these knobs or this kernel lack.
func (s *Script) StopIf(lacking bool, why string) {
	if !lacking {
		return
	}
	for _, id := range s.run.expected() {
		if _, judged := s.run.verdicts.given[id]; !judged {
			s.Inapplicable(why, id)
		}
	}
	s.run.stopped = true
	runtime.Goexit()
}

// Unless makes conditions for claims: where one is lacking, they are inapplicable, and
// why says what these knobs or this kernel lack.
func (s *Script) Unless(lacking bool, why string) Condition {
	return Condition{script: s}.Unless(lacking, why)
}

// UnlessSlow is Unless where this machine may have been too slow for a claim in this run,
// and nothing else is lacking: see TooSlow.
func (s *Script) UnlessSlow(slow bool, why string) Condition {
	return Condition{script: s}.UnlessSlow(slow, why)
}

// A Condition is what claims have to be judged at all.
type Condition struct {
	script *Script
	why    string // it is not met, or ""
	slow   bool   // that is the machine's fault
}

// Unless adds another condition. Of those that are lacking the first one counts.
func (c Condition) Unless(lacking bool, why string) Condition {
	if lacking && c.why == "" {
		c.why = why
	}
	return c
}

// UnlessSlow adds another condition, as Unless does.
func (c Condition) UnlessSlow(slow bool, why string) Condition {
	if slow && c.why == "" {
		c.why, c.slow = why, true
	}
	return c
}

// Expect is Script.Expect where the conditions are met.
func (c Condition) Expect(id string, checks ...Check) {
	switch {
	case c.why == "":
		c.script.Expect(id, checks...)
	case c.slow:
		c.script.TooSlow(c.why, id)
	default:
		c.script.Inapplicable(c.why, id)
	}
}

// Both reports whether a sysctl that is on from 1 upwards is on at both hosts.
func (s *Script) Both(key string) bool {
	return s.Client.Sysctl(key) > 0 && s.Server.Sysctl(key) > 0
}

// KeepsHalfOpen reports whether the host keeps handshakes that are not complete, as
// SYN_RECV: with SYN cookies for all of them it does not.
func (p *program) KeepsHalfOpen() bool { return p.Sysctl("net.ipv4.tcp_syncookies") != 2 }

// NothingHalfOpen is why a claim about them does not apply then.
const NothingHalfOpen = "with tcp_syncookies 2 the server keeps no half-open connections"

// PerFamily is the one of two values that is for the family of the run's addresses.
func PerFamily[T any](s *Script, v4, v6 T) T {
	if s.run.options.IPv6 {
		return v6
	}
	return v4
}

// Outcome is the outcome alone of a word that returns another value with it:
// Outcome(client.TryRead()).
func Outcome[T any](_ T, outcome string) string { return outcome }
