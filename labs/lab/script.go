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

// Connection makes a connection to the server's port 80 that is established and
// accepted, and returns its two sockets. Stories about closing begin so. Called
// again, it makes another one with the same listener, and is given a word that
// tells the sockets' names apart: "late" for "late client" and "late server".
func (s *Script) Connection(which ...string) (client, server *Sock) {
	before := ""
	if len(which) > 0 {
		before = which[0] + " "
	}
	if s.listener == nil {
		s.Part("A connection")
		s.listener = s.Server.Listen(80, 1)
	} else {
		s.Part("Another connection")
	}
	client = s.Client.Named(before + s.Client.Name()).Connect(s.listener)
	s.Wire.Handshake(client)
	return client, s.listener.Named(before + s.Server.Name()).Accept()
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
		s.Inapplicable(moot, id)
		return
	}
	s.run.judge(id, record.Claim{Verdict: verdict, Evidence: evidence, Expected: expected})
}

// Inapplicable judges claims that this kernel or these knobs lack the ground for:
// why says what.
func (s *Script) Inapplicable(why string, ids ...string) {
	for _, id := range ids {
		s.run.judge(id, record.Claim{Verdict: record.Inapplicable, Reason: why, Evidence: record.Evidence{}})
	}
}
