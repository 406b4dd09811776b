package opening

import (
	"fmt"
	"math"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

const (
	maxSYNBacklog = "net.ipv4.tcp_max_syn_backlog"
	maxFlood      = 5000 // no request may expire before the flood is over
)

// A listener's queue of handshakes under way, filled until it overflows.
var synQueue = lab.Lab{
	Name:  "synqueue",
	Title: "Handshakes under way wait in a queue that listen's backlog limits, and cookies go past it",
	Long: `A SYN that is answered and whose handshake is not finished is kept as SYN_RECV, in
what is called the SYN queue. A flood of SYNs whose senders never finish fills it.
What becomes of the next SYN depends on net.ipv4.tcp_syncookies: with cookies it is
answered from nothing, the state being in the number of the SYN,ACK; without, it
is dropped. tcp_max_syn_backlog, which has the name of this limit, is asked about
in the second case alone.`,
	Why: `A SYN costs its sender one packet and the server memory and a timer, so it has to be
limited. tcp_conn_request (net/ipv4/tcp_input.c) first compares the handshakes under
way with the listener's backlog (inet_csk_reqsk_queue_is_full; like the accept queue
it is full when it is longer). Beyond it, tcp_syn_flood_action decides between a
cookie and the drop. Only where tcp_syncookies is 0 does it look at
tcp_max_syn_backlog, and keeps the last quarter for peers that it knows to be alive.

A cookie needs no memory: the number of the SYN,ACK is a hash of addresses, ports, a
secret and the minute, with one of four MSS values hidden in it
(secure_tcp_syn_cookie, net/ipv4/syncookies.c). An ACK that returns it within some two
minutes proves that the client got the SYN,ACK, and cookie_v4_check makes the socket
from that ACK alone. The price: the server has nothing to send its SYN,ACK again from,
and what the SYN's options said is lost but for what a timestamp brings back.`,
	Try: []lab.Try{
		{Command: "synqueue --syncookies 0", Says: "without cookies: tcp_max_syn_backlog and then the backlog are met, and SYNs are dropped"},
		{Command: "synqueue --syncookies 2", Says: "cookies for every SYN: not one SYN_RECV, and the connection appears with its ACK"},
		{Command: "synqueue --syncookies 1 --max-syn-backlog 1024", Says: "the sysctl does not matter: 9 handshakes under way with a backlog of 8"},
		{Command: "synqueue --backlog 0", Says: "one handshake under way, and the next SYN gets a cookie"},
		{Command: "lostack", Says: "one such unfinished handshake, to its end"},
	},
	Knobs: []lab.Knob{
		lab.Number("backlog", 8, 0, math.MaxInt32, "listen's argument"),
		lab.Turns("syncookies", "server:"+syncookies, "the server's net.ipv4.tcp_syncookies; unless given, the lab shows 1 and then 0"),
		lab.Turns("max-syn-backlog", "server:"+maxSYNBacklog, "the server's net.ipv4.tcp_max_syn_backlog; unless given, 4"),
		{Name: "flood", Auto: "enough to overflow", Min: 1, Max: maxFlood, Help: "half-open connections to make"},
	},
	Reads: []string{"server:" + somaxconn},
	Claims: []lab.Claim{{
		ID:     "half-open-is-syn-recv",
		Text:   "A handshake whose third segment does not come is SYN_RECV; no file descriptor holds it, and it is not in the accept queue.",
		Source: "RFC 9293 §3.5; listen(2), NOTES",
		Control: lab.Control{
			Says: "the server sends cookies for every SYN", Before: "silent:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(syncookies, "2") },
		},
	}, {
		ID:     "syn-queue-limited-by-backlog",
		Text:   "The listener keeps as many handshakes under way as its backlog says, or one more.",
		Source: "include/net/inet_connection_sock.h: inet_csk_reqsk_queue_is_full",
		Control: lab.Control{
			Says: "a second listen lowers the backlog", Before: "flood 1:connect",
			Do: func(s *lab.Script) { s.Sock("listener").Listen(1) },
		},
	}, {
		ID:     "max-syn-backlog-limits-the-syn-queue",
		Text:   "tcp_max_syn_backlog limits the handshakes under way.",
		Source: "tcp(7) and Documentation/networking/ip-sysctl.rst: tcp_max_syn_backlog",
		Myth:   true,
		Truth:  "Only without cookies (tcp_syncookies 0) is it asked about, as listen(2), NOTES, says; with and without them the backlog is a limit, of which it knows nothing (net/ipv4/tcp_input.c: tcp_conn_request).",
		Control: lab.Control{
			Says: "cookies are turned off behind the story's back", Before: "flood 1:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(syncookies, "0") },
		},
	}, {
		ID:     "cookies-keep-no-state",
		Text:   "With cookies, a SYN beyond the limit is answered though the server keeps no socket for it, and its ACK makes one that is ESTABLISHED at once.",
		Source: "net/ipv4/tcp_input.c: tcp_conn_request; net/ipv4/syncookies.c: cookie_v4_check",
		Control: lab.Control{
			Says: "the ACK is lost", Segment: "client:ACK",
		},
	}, {
		ID:     "max-syn-backlog-limits-without-cookies",
		Text:   "Without cookies the last quarter of tcp_max_syn_backlog is kept for known peers: a stranger's SYN is dropped when less than a quarter is left.",
		Source: "net/ipv4/tcp_input.c: tcp_conn_request",
		Control: lab.Control{
			Says: "tcp_max_syn_backlog is lowered behind the story's back", Before: "second listener:listen",
			Do: func(s *lab.Script) { s.Server.SetSysctl(maxSYNBacklog, "2") },
		},
	}, {
		ID:     "without-cookies-syn-dropped",
		Text:   "Without cookies a SYN beyond the limit gets no answer, its client stays SYN_SENT, and ListenDrops counts it.",
		Source: "net/ipv4/tcp_input.c: tcp_conn_request; include/net/tcp.h: tcp_listendrop",
		Control: lab.Control{
			Says: "cookies are turned on again behind the story's back", Before: "second listener:listen",
			Do: func(s *lab.Script) { s.Server.SetSysctl(syncookies, "1") },
		},
	}},
	Script: func(s *lab.Script) {
		s.Server.SetDefault(maxSYNBacklog, "4")
		cookies := s.Server.Sysctl(syncookies)
		always := keepsNothing(s, "half-open-is-syn-recv", "syn-queue-limited-by-backlog", "max-syn-backlog-limits-the-syn-queue")

		s.Part("A handshake that is never finished")
		listener := s.Server.Listen(80, s.Int("backlog"))
		silent := leaveHalfOpen(s, s.Client.Named("silent").Connect(listener))
		switch {
		case always:
		case listener.Limit() == 0 && s.Server.Counter("SyncookiesSent") > 0:
			// Before commit 3479c7549fb1, of 2025, a queue is full when it is as long as
			// the limit (inet_csk_reqsk_queue_is_full).
			s.Inapplicable("this kernel keeps no handshake under way with a backlog of 0", "half-open-is-syn-recv")
		default:
			s.Expect("half-open-is-syn-recv",
				lab.Is("server", silent.Peer().State(), record.SynRecv),
				lab.Is("descriptor", silent.Peer().Held(), false),
				lab.Is("accept queue", listener.Queue(), 0))
		}
		if cookies != 0 {
			s.Part("A flood of them, with cookies")
			withCookies(s, listener, always)
			s.Server.SetDefault(syncookies, "0")
		} else {
			const why = "tcp_syncookies is 0"
			s.Inapplicable(why, "syn-queue-limited-by-backlog", "max-syn-backlog-limits-the-syn-queue", "cookies-keep-no-state")
		}
		if s.Server.Sysctl(syncookies) == 0 {
			s.Part("A flood of them, without cookies")
			withoutCookies(s)
		} else {
			const why = "tcp_syncookies is not 0"
			s.Inapplicable(why, "max-syn-backlog-limits-without-cookies", "without-cookies-syn-dropped")
		}
	},
}

const (
	tooFew  = "the flood is too small to fill the queue"
	noLower = "tcp_max_syn_backlog is not below the backlog"
)

// withCookies floods a listener that has one handshake under way. Where cookies
// are always sent nothing is kept.
func withCookies(s *lab.Script, listener *lab.Sock, always bool) {
	limit, bound := listener.Limit(), s.Server.Sysctl(maxSYNBacklog)
	kept, full := flood(s, listener, 1, "flood")
	switch {
	case always:
	case !full:
		s.Inapplicable(tooFew, "syn-queue-limited-by-backlog", "max-syn-backlog-limits-the-syn-queue", "cookies-keep-no-state")
		return
	default:
		s.Expect("syn-queue-limited-by-backlog", lab.Between("SYN_RECV", kept, limit, limit+1), lab.Seen("backlog", limit))
		if bound < limit {
			s.Expect("max-syn-backlog-limits-the-syn-queue", lab.Between("SYN_RECV", kept, 0, max(bound, 0)), lab.Seen("tcp_max_syn_backlog", bound))
		} else {
			s.Inapplicable(noLower, "max-syn-backlog-limits-the-syn-queue")
		}
	}
	s.Part("One more SYN, of a client that does finish")
	client := s.Client.Connect(listener)
	wire := s.Wire.Of(client)
	wire.Next("SYN").Deliver()
	answer, state := wire.Waiting(s.Server), client.Peer().State()
	wire.Deliver("SYN,ACK", "ACK")
	s.Expect("cookies-keep-no-state",
		lab.Is("server sends", answer, "SYN,ACK"),
		lab.Is("server", state, "none"),
		lab.Is("after the ACK", client.Peer().State(), record.Established))
}

func withoutCookies(s *lab.Script) {
	bound := s.Server.Sysctl(maxSYNBacklog)
	reach := max(0, bound-bound>>2+1) // SYNs taken before less than a quarter is left
	listener := s.Server.Named("second listener").Listen(81, s.Int("backlog"))
	limit := listener.Limit()
	kept, full := flood(s, listener, 0, "second flood")
	if !full {
		s.Inapplicable(tooFew, "max-syn-backlog-limits-without-cookies", "without-cookies-syn-dropped")
		return
	}
	if reach <= limit {
		s.Expect("max-syn-backlog-limits-without-cookies", lab.Is("SYN_RECV", kept, reach), lab.Seen("tcp_max_syn_backlog", bound))
	} else {
		s.Inapplicable(noLower, "max-syn-backlog-limits-without-cookies")
	}
	s.Part("One more SYN")
	before := s.Server.Counter("ListenDrops")
	client := s.Client.Connect(listener)
	wire := s.Wire.Of(client)
	wire.Next("SYN").Deliver()
	s.Expect("without-cookies-syn-dropped",
		lab.Is("server sends", wire.Waiting(s.Server), "nothing"),
		lab.Is("client", client.State(), record.SynSent),
		lab.Is("ListenDrops", s.Server.Counter("ListenDrops")-before, 1))
	client.Close()
}

// flood leaves handshakes half open, besides those that were already, and tells
// how many the listener keeps, and whether it has not kept all.
func flood(s *lab.Script, listener *lab.Sock, already int, name string) (kept int, full bool) {
	clients := min(listener.Limit()+1+surplus, maxFlood)
	if s.Given("flood") {
		clients = s.Int("flood")
	}
	before := s.Server.Count(record.SynRecv) - already
	for n := range clients - already {
		leaveHalfOpen(s, s.Client.Named(fmt.Sprintf("%s %d", name, n+1)).Connect(listener))
	}
	kept = s.Server.Count(record.SynRecv) - before
	return kept, kept < clients
}

// leaveHalfOpen lets a client's SYN arrive, and the client is never heard of again.
func leaveHalfOpen(s *lab.Script, client *lab.Sock) *lab.Sock {
	wire := s.Wire.Of(client)
	wire.Next("SYN").Deliver()
	if answer := wire.Take("SYN,ACK"); answer != nil {
		answer.Drop()
	}
	client.Close()
	return client
}
