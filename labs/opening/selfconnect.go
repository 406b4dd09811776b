package opening

import (
	"fmt"
	"net/netip"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// One socket, connected to itself.
var selfConnect = lab.Lab{
	Name:  "selfconnect",
	Title: "A socket can connect to itself, without a listener",
	Look:  "one socket is both ends: its own SYN comes back to it",
	Long: `A socket that is bound to an address and connects to the same address gets its own
SYN. To TCP this is a simultaneous open: the socket goes through SYN_RECV and becomes
ESTABLISHED, with itself. It then reads what it writes. With --accident it happens as
in production: a client connects to a local port that nobody listens on, and the
kernel chooses that very port as the source port. So that every run is the same, the
lab leaves nothing to chance: first the kernel prefers the other ports, by their
parity, and then the range has one port left. --ports brings chance back.`,
	Why: `Nothing in TCP says that the two ends must be two sockets.
tcp_rcv_synsent_state_process (net/ipv4/tcp_input.c) calls a SYN without an ACK in
SYN_SENT a "simultaneous connect with crossed SYNs. Particularly, it can be connect
to self": the socket goes to SYN_RECV, and its own SYN,ACK completes the handshake.
The close is simultaneous as well, and goes through CLOSING.

By accident it needs a target port that lies in ip_local_port_range and has no
listener: a service that is down, and a client that tries again and again. For each
try __inet_hash_connect (net/ipv4/inet_hashtables.c) chooses a source port, first
among those with the parity of the range's low end, and does not avoid the target
port. Once it hits it, the client talks to itself, and the service that comes back
finds its port in use. Service ports outside the range, or reserved by
ip_local_reserved_ports, prevent this.`,
	Try: []lab.Try{
		{Command: "selfconnect --accident", Says: "as in production: refused four times, then connected to itself"},
		{Command: "selfconnect --accident --ports 4", Says: "four source ports to choose from: chance decides how often it is refused"},
		{Command: "simopen", Says: "the same states, with two sockets"},
		{Command: "simclose", Says: "the same CLOSING, with two sockets"},
	},
	Alone: true,
	Knobs: []lab.Knob{
		lab.Switch("accident", "let the kernel choose the source port, over plain loopback"),
		lab.Number("ports", 1, 1, 1000, "with --accident: how many source ports there are to choose from"),
	},
	Check: func(a lab.Args) error {
		if a.Int("ports") != 1 && !a.On("accident") {
			return lab.Refuse("ports", a["ports"], "it goes with --accident")
		}
		return nil
	},
	Sockopts:  []string{"SO_ERROR"},
	TimeWaits: 1,
	Claims: []lab.Claim{{
		ID:     "ephemeral-port-picked-by-chance",
		Text:   "The kernel may choose as the source port the very port that the program connects to.",
		Source: "net/ipv4/inet_hashtables.c: __inet_hash_connect",
		When:   byAccident,
		Control: lab.Control{
			Says: "somebody listens on the port", Args: lab.Args{"accident": "1"}, Before: "attempt 5:connect",
			Do: listenOnSelfPort,
		},
	}, {
		ID:     "first-attempts-refused",
		Text:   "While the kernel chooses other source ports, connect fails with ECONNREFUSED.",
		Source: "connect(2), ECONNREFUSED",
		When:   byAccident,
		Control: lab.Control{
			Says: "somebody listens on the port", Args: lab.Args{"accident": "1"}, Before: "attempt 1:connect",
			Do: listenOnSelfPort,
		},
	}, {
		ID:     "one-socket-both-ends",
		Text:   "One socket is both ends of the connection: its own address is also its peer's.",
		Source: "net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process; getpeername(2)",
		Control: lab.Control{
			Says: "somebody listens on the port", Args: lab.Args{"accident": "1"}, Before: "attempt 5:connect",
			Do: listenOnSelfPort,
		},
	}, {
		ID:     "no-listen-called",
		Text:   "No socket listens on the port.",
		Source: "RFC 9293 §3.5 (MUST-10), figure 7",
		Control: lab.Control{
			Says: "somebody listens on the port", Args: lab.Args{"accident": "1"}, Before: "attempt 5:connect",
			Do: listenOnSelfPort,
		},
	}, {
		ID:     "passes-through-syn-recv",
		Text:   "Its own SYN takes the socket from SYN_SENT to SYN_RECV, and then it is ESTABLISHED.",
		Source: "RFC 9293 §3.5, figure 7; net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process",
		When:   overTheWire,
		Control: lab.Control{
			Says: "the SYN carries an acknowledgement as well", Segment: "client:SYN", Change: lab.AckItself,
		},
	}, {
		ID:     "reads-its-own-data",
		Text:   "The socket reads what it writes.",
		Source: "RFC 9293 §3.10.7.4; net/ipv4/tcp_input.c: tcp_data_queue",
		Control: lab.Control{
			Says: "the data is lost", Segment: "client:data",
		},
	}, {
		ID:     "close-goes-through-closing",
		Text:   "The socket's own FIN takes it from FIN_WAIT1 to CLOSING, and the acknowledgement takes it to TIME_WAIT.",
		Source: "RFC 9293 §3.6, case 3; net/ipv4/tcp_input.c: tcp_fin",
		When:   overTheWire,
		Control: lab.Control{
			Says: "the FIN is lost", Segment: "client:FIN,ACK",
		},
	}},
	Script: func(s *lab.Script) {
		if s.On("accident") {
			selfConnectByAccident(s)
		} else {
			selfConnectOverTheWire(s)
		}
	},
}

func byAccident(a lab.Args) bool  { return a.On("accident") }
func overTheWire(a lab.Args) bool { return !a.On("accident") }

// selfPort is odd. As long as enough others are free, the kernel chooses a port
// with the parity of the range's low end.
const selfPort = 40003

func selfConnectOverTheWire(s *lab.Script) {
	s.Client.SendOwnOverWire()
	s.Part("The socket connects to its own address")
	sock := s.Client.Socket()
	sock.Bind(s.Client.Addr(selfPort))
	sock.Connect(s.Client.Addr(selfPort))
	s.Wire.Next("SYN").Deliver()
	s.Wire.Deliver("SYN,ACK", "ACK")
	s.Expect("passes-through-syn-recv",
		lab.Is("states", sock.Path(record.SynSent), "SYN_SENT → SYN_RECV → ESTABLISHED"))
	judgeItself(s, sock, s.Client.Addr(selfPort))

	s.Part("It reads what it writes")
	sock.Write("hello")
	s.Wire.Next("data").Deliver()
	s.Wire.Deliver("ACK")
	data, outcome := sock.TryRead()
	s.Expect("reads-its-own-data", lab.Is("read", outcome, lab.OK), lab.Is("data", data, "hello"))

	s.Part("It closes, and receives its own FIN")
	sock.Close()
	s.Wire.Next("FIN,ACK").Deliver()
	s.Wire.Deliver("ACK")
	s.Expect("close-goes-through-closing",
		lab.Is("states", sock.Path(record.Established), "ESTABLISHED → FIN_WAIT1 → CLOSING → TIME_WAIT"))
}

func selfConnectByAccident(s *lab.Script) {
	s.Client.LoopbackUp()
	s.Part("The kernel chooses other source ports")
	setPortRange(s.Client, selfPort-1, selfPort+6)
	refused, attempts := 0, 4
	for n := range attempts {
		sock, outcome := attempt(s, n+1)
		switch outcome {
		case "ECONNREFUSED":
			refused++
		case lab.OK:
			sock.Close()
		}
	}
	s.Expect("first-attempts-refused", lab.Is("refused", refused, attempts))

	s.Part("Now it may choose the port that is connected to")
	ports := s.Int("ports")
	setPortRange(s.Client, selfPort, selfPort+2*ports-1)
	attempts++
	sock, outcome := attempt(s, attempts)
	for range 1000 * ports { // so many failures in a row are no chance
		if outcome != "ECONNREFUSED" {
			break
		}
		attempts++
		sock, outcome = attempt(s, attempts)
	}
	s.Expect("ephemeral-port-picked-by-chance",
		lab.Is("connect", outcome, lab.OK),
		lab.Is("source", sock.LocalAddr(), s.Client.Loopback(selfPort).String()))
	judgeItself(s, sock, s.Client.Loopback(selfPort))

	s.Part("It reads what it writes")
	sock.Write("hello")
	data, outcome := sock.TryRead()
	s.Expect("reads-its-own-data", lab.Is("read", outcome, lab.OK), lab.Is("data", data, "hello"))
}

// attempt connects the nth socket to the port, and closes it if that fails.
func attempt(s *lab.Script, n int) (sock *lab.Sock, outcome string) {
	sock = s.Client.Named(fmt.Sprintf("attempt %d", n)).Socket()
	sock.Connect(s.Client.Loopback(selfPort))
	if outcome = sock.Outcome(); outcome != lab.OK {
		sock.Close()
	}
	return sock, outcome
}

// setPortRange sets which ports the kernel chooses a source port from, on IPv6 as
// well.
func setPortRange(h *lab.Host, low, high int) {
	h.SetSysctl("net.ipv4.ip_local_port_range", fmt.Sprintf("%d %d", low, high))
}

func judgeItself(s *lab.Script, sock *lab.Sock, at netip.AddrPort) {
	s.Expect("one-socket-both-ends",
		lab.Is("state", sock.State(), record.Established),
		lab.Is("peer", sock.RemoteAddr(), sock.LocalAddr()))
	s.Expect("no-listen-called", lab.Is("listener", s.Client.ListenerAt(at).State(), "none"))
}

// listenOnSelfPort is a control: with a listener on the port there is somebody
// else to connect to.
func listenOnSelfPort(s *lab.Script) {
	listener := s.Client.Named("listener").Socket()
	listener.Bind(s.Client.Loopback(selfPort))
	listener.Listen(16)
}
