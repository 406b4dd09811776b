package report

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// sockets follows what is known of all sockets while events go by, and which
// connection the latest of them was about.
type sockets struct {
	hosts []string                            // client first
	now   map[string]map[string]*record.State // host → socket → latest
	conn  [2]string                           // the two ports of the connection, in any order
	// listener has for each host the latest socket that listens.
	listener map[string]*record.State
}

func newSockets(r *record.Run) *sockets {
	return &sockets{
		hosts: slices.Sorted(maps.Keys(r.Environment.Hosts)), // the client comes first in the alphabet too
		now:   map[string]map[string]*record.State{}, listener: map[string]*record.State{},
	}
}

// see takes in what has become of a socket and returns what it was before.
func (k *sockets) see(s *record.State) (before *record.State) {
	host := k.now[s.Host]
	if host == nil {
		host = map[string]*record.State{}
		k.now[s.Host] = host
	}
	before = host[s.Socket]
	host[s.Socket] = s
	if local, remote, ok := socketPorts(s.Socket); ok {
		k.conn = [2]string{local, remote}
	} else if s.To == record.Listen {
		k.listener[s.Host] = s
	} else {
		delete(k.listener, s.Host)
	}
	return before
}

// follow makes the connection of a segment the one that ends are of.
func (k *sockets) follow(a, b uint16) {
	k.conn = [2]string{strconv.Itoa(int(a)), strconv.Itoa(int(b))}
}

// socketPorts takes a socket's name apart; ok is false for a listener.
func socketPorts(name string) (local, remote string, ok bool) {
	if local, remote, ok = strings.Cut(name, "->"); ok {
		return local, remote, true
	}
	return strings.Cut(name, "<-")
}

// passive tells whether a socket was opened by a SYN that came.
func passive(name string) bool { return strings.Contains(name, "<-") }

// An End is one host's side of the connection that a step is about.
type End struct {
	Host   string
	Socket string // as in record.State; "" where there is none
	State  string // "" where there is no socket
	// From is the state that it has left in this step, "" where it has not:
	// CLOSE for a socket that is new, and LISTEN for one that a SYN has made.
	From string
	// Detail says what else is to be known of it: queues, timer, descriptor.
	Detail string
}

// ends are both sides of the connection as they are now: a host that has no
// socket of it stands with the port that it listens on.
func (k *sockets) ends() []End {
	ends := make([]End, len(k.hosts))
	for i, host := range k.hosts {
		ends[i] = End{Host: host}
		if s := k.end(host); s != nil {
			ends[i].Socket, ends[i].State, ends[i].Detail = s.Socket, s.To, detail(s)
		}
	}
	return ends
}

// endsAfter are both ends after what has become of sockets, with the states
// that they have left by it.
func (k *sockets) endsAfter(moves []move) []End {
	ends := k.ends()
	for _, m := range moves {
		for i := range ends {
			if m.changed() && ends[i].Host == m.now.Host && ends[i].Socket == m.now.Socket {
				ends[i].From = m.from()
			}
		}
	}
	return ends
}

// end is the connection's socket on a host, or else the latest that listens.
func (k *sockets) end(host string) *record.State {
	a, b := k.conn[0], k.conn[1]
	var gone *record.State
	for _, name := range []string{a + "->" + b, b + "->" + a, a + "<-" + b, b + "<-" + a} {
		s := k.now[host][name]
		if s != nil && s.To != record.Close {
			return s
		}
		if s != nil {
			gone = s
		}
	}
	if gone != nil {
		return gone
	}
	return k.listener[host]
}

// A move is a change of one socket.
type move struct {
	before, now *record.State
}

// from is the state that the socket was in, in the terms of RFC 9293's diagram:
// one that is seen for the first time comes from CLOSE, or from LISTEN where a
// SYN has made it.
func (m move) from() string {
	switch {
	case m.now.From != "":
		return m.now.From
	case passive(m.now.Socket):
		return record.Listen
	}
	return record.Close
}

// changed tells whether the state is another one than before.
func (m move) changed() bool { return m.now.From != m.now.To }

// detail says of a socket what its state does not.
func detail(s *record.State) string {
	var words []string
	add := func(w string) { words = append(words, w) }
	switch {
	case s.To == record.Listen:
		return "queue " + strconv.Itoa(int(s.RQueue)) + " of " + strconv.Itoa(int(s.WQueue))
	case s.To == record.Close:
		return ""
	case queued(s):
		add("waits for accept")
	case !s.Descriptor:
		add("no descriptor")
	}
	if s.RQueue > 0 {
		add(amount(s.RQueue, "to read", ""))
	}
	if s.WQueue > 0 {
		add(amount(s.WQueue, "not acked", ""))
	}
	if s.Timer != "" {
		text := s.Timer + " timer"
		if s.Retransmits > 0 {
			text += ", " + strconv.Itoa(s.Retransmits) + " retransmitted"
		}
		add(text)
	}
	return strings.Join(words, ", ")
}
