package lab

import (
	"fmt"
	"slices"

	"github.com/tcplab/tcplab/labs/record"
)

// A Script is what a story tells its events to.
type Script struct {
	Client *Host
	Server *Host // nil in a Lab that is Alone
	Wire   *Wire
	run    *run

	listener *Sock // of Connection
}

// Int returns the value of a knob that is a number.
func (s *Script) Int(name string) int { return s.run.args.Int(name) }

// On returns the value of a switch.
func (s *Script) On(name string) bool { return s.run.args.On(name) }

// Given tells whether a knob that the lab would work out itself was set.
func (s *Script) Given(name string) bool {
	v, ok := s.run.args[name]
	return ok && v != "-1"
}

// Part begins a named part of the story.
func (s *Script) Part(title string) { s.run.add(&record.Part{Title: title}) }

// Connection makes a connection to the server's port 80 that is established and
// accepted, and returns its two descriptors. Stories about closing begin so.
// Called again, it makes another one with the same listener.
func (s *Script) Connection() (client, server *Sock) {
	if s.listener == nil {
		s.Part("A connection")
		s.listener = s.Server.Listen(80, 1)
	} else {
		s.Part("Another connection")
	}
	client = s.Client.Connect(s.listener)
	s.Wire.Handshake(client)
	return client, s.listener.Accept()
}

// A Check compares one piece of evidence with what a claim says it must be.
type Check struct {
	name      string
	got, want any
	ok        bool
}

// A value is what evidence can be.
type value interface {
	~int | ~int64 | ~uint32 | ~string | ~bool
}

// Is is the check that got is want.
func Is[T value](name string, got, want T) Check {
	return Check{name, plain(got), plain(want), got == want}
}

// AtLeast is the check that got is not less than least.
func AtLeast(name string, got, least int) Check {
	return Check{name, int64(got), fmt.Sprintf("at least %d", least), got >= least}
}

// Between is the check that got is neither less than least nor more than most.
func Between(name string, got, least, most int) Check {
	return Check{name, int64(got), fmt.Sprintf("%d to %d", least, most), got >= least && got <= most}
}

// Seen is a piece of evidence worth having that nothing hangs on.
func Seen[T value](name string, got T) Check {
	return Check{name: name, got: plain(got), ok: true}
}

// plain turns a value into one of the types that evidence has.
func plain[T value](v T) any {
	switch v := any(v).(type) {
	case int:
		return int64(v)
	case uint32:
		return int64(v)
	default:
		return v
	}
}

// Expect judges a claim: it is confirmed where all the checks hold, and else
// refuted. For a myth the checks say what the myth says. The values compared
// are the evidence.
func (s *Script) Expect(id string, checks ...Check) {
	verdict := record.Confirmed
	if !slices.ContainsFunc(checks, func(c Check) bool { return c.want != nil }) {
		s.run.fail(fmt.Errorf("claim %s: nothing was checked", id))
	}
	var evidence, expected record.Evidence
	for _, c := range checks {
		evidence = append(evidence, record.Fact{Name: c.name, Value: c.got})
		if c.want != nil {
			expected = append(expected, record.Fact{Name: c.name, Value: c.want})
		}
		if !c.ok {
			verdict = record.Refuted
		}
	}
	s.run.judge(id, record.Claim{Verdict: verdict, Evidence: evidence, Expected: expected})
}

// Inapplicable judges a claim that this kernel or these knobs lack the ground
// for: reason says what.
func (s *Script) Inapplicable(id, reason string) {
	s.run.judge(id, record.Claim{Verdict: record.Inapplicable, Reason: reason, Evidence: record.Evidence{}})
}

// judge gives the verdict on a claim of the lab, once.
func (r *run) judge(id string, found record.Claim) {
	i := slices.IndexFunc(r.lab.Claims, func(c Claim) bool { return c.ID == id })
	if i < 0 {
		r.fail(fmt.Errorf("claim %s: the lab has none of that name", id))
	}
	claim := &r.lab.Claims[i]
	if claim.When != nil && !claim.When(r.args) {
		r.fail(fmt.Errorf("claim %s is no part of a run with these knobs", id))
	}
	if r.verdicts[id] != nil {
		r.fail(fmt.Errorf("claim %s was judged twice", id))
	}
	judged := claim.record()
	judged.Verdict, judged.Reason = found.Verdict, found.Reason
	judged.Evidence, judged.Expected = found.Evidence, found.Expected
	judged.Surprise = judged.Verdict.IsSurprise(claim.Myth)
	r.locked(func() {
		if r.verdicts == nil {
			r.verdicts = map[string]*record.Claim{}
		}
		r.verdicts[id] = judged
	})
	r.add(&record.VerdictGiven{Claim: id, Verdict: judged.Verdict, Surprise: judged.Surprise})
}
