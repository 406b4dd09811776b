package report

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// sockets follows what is known of all sockets while events go by, and which
// connection the latest of them was about.
type sockets struct {
	hosts []string // as the record has them: the first stands on the left
	now   map[string]map[socket]*record.State
	conn  connection
	// listener has for each host the latest socket that listens.
	listener map[string]*record.State
	rises    rises
	times    bool // times are shown
}

// A socket is known on its host by its addresses, and by how it was opened: two
// that are had one after the other may differ in that alone. A listener's remote
// address is zero.
type socket struct {
	local, remote netip.AddrPort
	passive       bool
}

func socketOf(s *record.State) socket {
	return socket{unmapped(s.Local), unmapped(s.Remote), passive(s.Socket)}
}

func newSockets(r *record.Run) *sockets {
	k := &sockets{now: map[string]map[socket]*record.State{}, listener: map[string]*record.State{}}
	for _, h := range r.Environment.Hosts {
		k.hosts = append(k.hosts, h.Name)
	}
	return k
}

// see takes in what has become of a socket and returns what it was before.
func (k *sockets) see(s *record.State) (before *record.State) {
	host := k.now[s.Host]
	if host == nil {
		host = map[socket]*record.State{}
		k.now[s.Host] = host
	}
	name := socketOf(s)
	before = host[name]
	host[name] = s
	switch {
	case s.Remote.IsValid():
		k.conn = connectionOf(s.Local, s.Remote)
	case s.To == record.Listen:
		k.listener[s.Host] = s
	default:
		delete(k.listener, s.Host)
	}
	return before
}

// follow makes the connection of a segment the one that ends are of.
func (k *sockets) follow(s *record.Segment) { k.conn = connectionOf(s.Src, s.Dst) }

// receiver is the socket that a segment meets: the connection's, or else one that
// listens; nil where there is none.
func (k *sockets) receiver(s *record.Segment) *record.State {
	here, there := unmapped(s.Dst), unmapped(s.Src)
	any4 := netip.AddrPortFrom(netip.IPv4Unspecified(), here.Port())
	any6 := netip.AddrPortFrom(netip.IPv6Unspecified(), here.Port())
	for _, name := range []socket{
		{here, there, false}, {here, there, true}, {local: here}, {local: any4}, {local: any6},
	} {
		if found := k.now[s.To][name]; found != nil && found.To != record.Close {
			return found
		}
	}
	return nil
}

// passive reports whether a socket was opened by a SYN that came.
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
	SS     string // the line that ss -tano prints for it; "" where there is none
	// Rose are the host's counters that have risen at events so far, whatever their
	// connection: "ListenDrops +3".
	Rose string
}

// ends are both sides of the connection as they are now, with the states that
// they have left: a host that has no socket of it stands with the port that it
// listens on.
func (k *sockets) ends(l left) []End {
	ends := make([]End, len(k.hosts))
	for i, host := range k.hosts {
		ends[i] = End{Host: host}
		if s := k.end(host); s != nil {
			ends[i] = End{Host: host, Socket: s.Socket, State: s.To, From: l[leaver{host, socketOf(s)}], Detail: detail(s), SS: ssLine(s, k.times)}
		}
		ends[i].Rose = k.rises.text[host]
	}
	return ends
}

// left holds the states that sockets have left in a step: the latest of each.
type left map[leaver]string

type leaver struct {
	host string
	socket
}

func (l left) add(m move) {
	if m.changed() {
		l[leaver{m.now.Host, socketOf(m.now)}] = m.from()
	}
}

func leftBy(moves []move) left {
	l := left{}
	for _, m := range moves {
		l.add(m)
	}
	return l
}

// end is the connection's socket on a host, or else the latest that listens.
func (k *sockets) end(host string) *record.State {
	a, b := k.conn.a, k.conn.b
	var gone *record.State
	for _, name := range []socket{{a, b, false}, {b, a, false}, {a, b, true}, {b, a, true}} {
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

// changed reports whether the state is another one than before.
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
	if text := toRead(s); text != "" {
		add(text + " to read")
	}
	if text := notAcked(s); text != "" {
		add(text + " not acked")
	}
	if text := timerName(s.Timer); text != "" {
		if s.Retransmits > 0 {
			text += ", " + strconv.Itoa(s.Retransmits) + " retransmitted"
		}
		add(text)
	}
	return strings.Join(words, ", ")
}

// timerOr is a timer of the kernel in words, or what stands for one without a name.
func timerOr(timer, nameless string) string {
	if name := timerName(timer); name != "" {
		return name
	}
	return nameless
}

// timerName is a timer of the kernel in words; it is empty where there is none. A
// timer that the instrument has no name for has the kernel's number.
func timerName(timer string) string {
	_, err := strconv.Atoi(timer)
	switch {
	case timer == "":
		return ""
	case timer == "delack":
		return "delayed-ACK timer"
	case err == nil:
		return "timer " + timer
	}
	return timer + " timer"
}
