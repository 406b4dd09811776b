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
	hosts  []*Host

	socks    map[string]*Sock // by the names that the story gives them
	listener *Sock            // of Connection
}

func newScript(r *run) *Script {
	s := &Script{run: r, socks: map[string]*Sock{}}
	for _, h := range r.rig.Hosts {
		s.hosts = append(s.hosts, newHost(s, h))
	}
	s.Wire = &Wire{run: r}
	s.Client = s.hosts[0]
	if len(s.hosts) > 1 {
		s.Server = s.hosts[1]
	}
	return s
}

// close closes what the story holds. It ends its connections by a reset: see
// Host.Socket.
func (s *Script) close() {
	for _, h := range s.hosts {
		h.closeAll()
	}
}

// Sock returns the socket that the story calls name: see Host.Named.
func (s *Script) Sock(name string) *Sock {
	sock := s.socks[name]
	if sock == nil {
		s.run.fail(fmt.Errorf("the story has no socket that it calls %q", name))
	}
	return sock
}

// Int returns the value of a knob that is a number.
func (s *Script) Int(name string) int { return s.run.args.Int(name) }

// On returns the value of a switch.
func (s *Script) On(name string) bool { return s.run.args.On(name) }

// Given reports whether a knob that the lab would work out itself was set.
func (s *Script) Given(name string) bool {
	v, ok := s.run.args[name]
	return ok && v != "-1"
}

// Part begins a named part of the story.
func (s *Script) Part(title string) { s.run.add(&record.Part{Title: title}) }

// Note shows a text in the ladder, and judges nothing by it.
func (s *Script) Note(text string) { s.run.add(&record.Note{Text: text}) }

// Connection makes a connection to the server's port 80 that is established and
// accepted, and returns its two sockets. Stories about closing begin so. Called
// again, it makes another one with the same listener, and is given a word that
// tells the sockets' names apart: "late" for "late client" and "late server".
func (s *Script) Connection(which ...string) (client, server *Sock) {
	if s.listener == nil {
		s.Part("A connection")
		s.listener = s.Server.Listen(80, 1)
	} else {
		s.Part("Another connection")
	}
	return s.ConnectionTo(s.listener, which...)
}

// ConnectionTo is Connection with a listener of the story's own, and begins no part.
func (s *Script) ConnectionTo(listener *Sock, which ...string) (client, server *Sock) {
	before := ""
	if len(which) > 0 {
		before = which[0] + " "
	}
	client = s.Client.Named(before + s.Client.Name()).Establish(listener)
	return client, listener.Named(before + s.Server.Name()).Accept()
}

// Expect judges a claim: it is confirmed where all the checks hold, and else
// refuted. For a myth the checks say what the myth says. The values compared
// are the evidence.
func (s *Script) Expect(id string, checks ...Check) {
	s.run.judge(id, s.found(id, checks))
}

// Claim makes a claim that the lab does not name beforehand, and judges it as Expect
// does. Its When and Control have no meaning: a story that makes its claims while it
// is told has no catalogue that they could be tested from.
func (s *Script) Claim(c Claim, checks ...Check) {
	c.When = nil
	found := s.found(c.ID, checks)
	s.run.verdicts.make(c.ID)
	s.run.judgeOf(&c, found)
}

// ClaimInapplicable is Claim where this kernel or these knobs lack the conditions for
// it: why says what.
func (s *Script) ClaimInapplicable(c Claim, why string) {
	c.When = nil
	s.run.verdicts.make(c.ID)
	s.run.judgeOf(&c, inapplicable(why))
}

// found is what the checks say of a claim.
func (s *Script) found(id string, checks []Check) record.Claim {
	verdict := record.Confirmed
	if !slices.ContainsFunc(checks, func(c Check) bool { return c.want != nil }) {
		s.run.fail(fmt.Errorf("claim %s: nothing was checked", id))
	}
	var evidence, expected record.Evidence
	moot := ""
	for _, c := range checks {
		evidence = append(evidence, record.Fact{Name: c.name, Value: c.got})
		if c.want != nil {
			expected = append(expected, record.Fact{Name: c.name, Value: c.want})
		}
		if !c.ok {
			verdict = record.Refuted
		}
		if moot == "" {
			moot = c.moot
		}
	}
	if verdict == record.Confirmed && moot != "" {
		return tooSlow(moot)
	}
	return record.Claim{Verdict: verdict, Evidence: evidence, Expected: expected}
}

func inapplicable(why string) record.Claim {
	return record.Claim{Verdict: record.Inapplicable, Reason: why, Evidence: record.Evidence{}}
}

// tooSlow is inapplicable where no more than the machine is to blame.
func tooSlow(why string) record.Claim {
	c := inapplicable(why)
	c.Slow = true
	return c
}

// At says where in its text the story is now: "mine.star:7:14". An error that ends
// the story begins with that; without it, with the story's line in Go.
func (s *Script) At(where string) { s.run.at.Store(where) }

// Fail ends the story for a mistake of its own.
func (s *Script) Fail(err error) { s.run.fail(err) }

// Inapplicable judges claims that this kernel or these knobs lack the conditions for:
// why says what.
func (s *Script) Inapplicable(why string, ids ...string) {
	for _, id := range ids {
		s.run.judge(id, inapplicable(why))
	}
}

// TooSlow judges claims that this machine was too slow for in this run: why says at
// what. They are inapplicable, and no difference from a run that was in time.
func (s *Script) TooSlow(why string, ids ...string) {
	for _, id := range ids {
		s.run.judge(id, tooSlow(why))
	}
}
