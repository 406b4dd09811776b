package opening

import (
	"math"
	"strconv"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

const (
	maxSYNBacklog = "net.ipv4.tcp_max_syn_backlog"
	maxFlood      = 5000 // no request may expire before the flood is over
)

// A listener's half-open connections, up to their limit and beyond it.
var synQueue = lab.Lab{
	Name:  "synqueue",
	Title: "listen's backlog limits half-open connections too, and SYN cookies go beyond it",
	Look:  "how many SYN_RECV the listener keeps, and the SYN that only a cookie answers",
	Long: `The server answers a SYN and keeps a half-open connection in SYN_RECV until the
handshake completes. All of them together are called the SYN queue. (RFC 9293 §3.5.1
uses "half-open" for something else: a connection that only one end still has.) A
flood of SYNs from clients that never finish fills the queue. What happens to the
next SYN depends on net.ipv4.tcp_syncookies. With cookies the server answers it
without keeping anything: the sequence number of the SYN,ACK holds the state. Without
cookies the server drops it. tcp_max_syn_backlog, which sounds like this limit,
counts only in the second case.`,
	Why: `A SYN costs its sender one packet, and the server memory and a timer, so there has to
be a limit. tcp_conn_request (net/ipv4/tcp_input.c) first compares the number of
half-open connections with the listener's backlog (inet_csk_reqsk_queue_is_full; like
the accept queue, it is full when it is longer). It does so whatever tcp_syncookies
says. Beyond that limit tcp_syn_flood_action chooses between a cookie and a drop.
Only with tcp_syncookies=0 does Linux also look at tcp_max_syn_backlog, and it
reserves the last quarter of that for peers that it knows to be alive.

A cookie needs no memory. The sequence number of the SYN,ACK is a hash of addresses,
ports, a secret and the minute, and hides one of four MSS values
(secure_tcp_syn_cookie, net/ipv4/syncookies.c). An ACK that returns it within one to
two minutes proves that the client got the SYN,ACK, and cookie_v4_check creates the
socket from that ACK alone. The price: the server cannot send its SYN,ACK again, and
it loses the options of the SYN, except for what a timestamp brings back. An ACK with a
guessed number gets a RST with that very number. Here it is far outside the client's
window, so the client ignores it and stays ESTABLISHED.`,
	Try: []lab.Try{
		{Command: "synqueue --syncookies 0", Says: "without cookies: first tcp_max_syn_backlog and then the backlog is the limit, and SYNs are dropped"},
		{Command: "synqueue --syncookies 2", Says: "cookies for every SYN: no SYN_RECV at all, and the ACK creates the connection"},
		{Command: "synqueue --syncookies 1 --max-syn-backlog 1024", Says: "the sysctl makes no difference: 9 half-open connections with a backlog of 8"},
		{Command: "synqueue --backlog 0", Says: "one half-open connection, and the next SYN gets a cookie"},
		{Command: "lostack", Says: "one such half-open connection, until its end"},
	},
	Knobs: []lab.Knob{
		lab.Number("backlog", 8, 0, math.MaxInt32, "listen's argument"),
		lab.Turns("syncookies", "server:"+syncookies, "the server's net.ipv4.tcp_syncookies; unless given, the lab shows 1 and then 0"),
		lab.Turns("max-syn-backlog", "server:"+maxSYNBacklog, "the server's net.ipv4.tcp_max_syn_backlog; unless given, 4 with cookies, then 8 and more"),
		{Name: "flood", Auto: "enough to overflow", Min: 1, Max: maxFlood, Help: "half-open connections to make"},
	},
	Reads: []string{"server:" + somaxconn},
	Claims: []lab.Claim{{
		ID:     "half-open-is-syn-recv",
		Text:   "A connection whose third segment does not come is in SYN_RECV. It has no file descriptor and is not in the accept queue.",
		Source: "RFC 9293 §3.3.2; listen(2), NOTES",
		Control: lab.Control{
			Says: "the server sends cookies for every SYN", Before: "silent:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(syncookies, "2") },
		},
	}, {
		ID:     "syn-queue-limited-by-backlog",
		Text:   "A listener keeps as many half-open connections as its backlog says, or one more, with cookies and without.",
		Source: "include/net/inet_connection_sock.h: inet_csk_reqsk_queue_is_full",
		Control: lab.Control{
			Says: "a second listen lowers the backlog", Before: "flood 1:connect",
			Do: func(s *lab.Script) { s.Sock("listener").Listen(1) },
		},
	}, {
		ID:     "max-syn-backlog-limits-the-syn-queue",
		Text:   "tcp_max_syn_backlog limits the half-open connections.",
		Source: "tcp(7), tcp_max_syn_backlog; Documentation/networking/ip-sysctl.rst: tcp_max_syn_backlog",
		Myth:   true,
		Truth:  "It counts only without cookies (tcp_syncookies=0), as listen(2), NOTES, says; the listener's backlog is a limit with and without them (net/ipv4/tcp_input.c: tcp_conn_request). The statement was true before Linux 4.4 (commit ef547f2ac16b, \"tcp: remove max_qlen_log\"): there the limit was the smaller of the two, rounded up to a power of two.",
		Control: lab.Control{
			Says: "cookies are turned off behind the story's back", Before: "flood 1:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(syncookies, "0") },
		},
	}, {
		ID:     "cookies-keep-no-state",
		Text:   "With cookies the server answers a SYN beyond the limit without keeping a socket for it, and the client's ACK creates one that is ESTABLISHED at once.",
		Source: "net/ipv4/tcp_input.c: tcp_conn_request; net/ipv4/syncookies.c: cookie_v4_check",
		Control: lab.Control{
			Says: "the ACK is lost", Segment: "client:ACK",
		},
	}, {
		ID:     "a-guessed-cookie-is-refused",
		Text:   "An ACK that acknowledges another number than the cookie's makes no socket: it is answered by a RST.",
		Source: "net/ipv4/syncookies.c: cookie_v4_check, __cookie_v4_check",
		Control: lab.Control{
			Says: "the ACK acknowledges the cookie", Of: "guessing", Segment: "client:ACK", Change: lab.AckLess(wrong),
		},
	}, {
		ID:     "max-syn-backlog-limits-without-cookies",
		Text:   "Without cookies a stranger's SYN is dropped when less than a quarter of tcp_max_syn_backlog is left: what is left is for known peers.",
		Source: "net/ipv4/tcp_input.c: tcp_conn_request",
		Control: lab.Control{
			Says: "tcp_max_syn_backlog is lowered behind the story's back", Before: "second listener:listen",
			Do: func(s *lab.Script) { s.Server.SetSysctl(maxSYNBacklog, "2") },
		},
	}, {
		ID:     "without-cookies-syn-dropped",
		Text:   "Without cookies a SYN beyond the limit gets no answer. Its client stays in SYN_SENT, and ListenDrops counts it.",
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
			s.Inapplicable("this kernel keeps no half-open connection with a backlog of 0", "half-open-is-syn-recv")
		default:
			s.Expect("half-open-is-syn-recv",
				lab.Is("server", silent.Peer().State(), record.SynRecv),
				lab.Is("descriptor", silent.Peer().Held(), false),
				lab.Is("accept queue", listener.Queue(), 0))
		}
		var kept []lab.Check // of half-open connections, where the backlog is the limit
		if cookies != 0 {
			s.Part("Many unfinished handshakes, with cookies")
			kept = withCookies(s, listener, always)
			s.Server.SetDefault(syncookies, "0")
		} else {
			s.Inapplicable("tcp_syncookies is 0", "max-syn-backlog-limits-the-syn-queue", "cookies-keep-no-state", "a-guessed-cookie-is-refused")
		}
		if s.Server.Sysctl(syncookies) == 0 {
			s.Part("Many unfinished handshakes, without cookies")
			withoutCookies(s)
			kept = append(kept, backlogWithoutCookies(s, listener.Limit())...)
		} else {
			const why = "tcp_syncookies is not 0"
			s.Inapplicable(why, "max-syn-backlog-limits-without-cookies", "without-cookies-syn-dropped")
		}
		switch {
		case always:
		case kept == nil:
			s.Inapplicable(tooFew+", or tcp_max_syn_backlog is the lower limit", "syn-queue-limited-by-backlog")
		default:
			s.Expect("syn-queue-limited-by-backlog", append(kept, lab.Seen("backlog", listener.Limit()))...)
		}
	},
}

// wrong is what is added to a cookie.
const wrong = 1 << 20

const (
	tooFew  = "the flood is too small to fill the queue"
	noLower = "tcp_max_syn_backlog is not below the backlog"
)

// withCookies floods a listener that has one half-open connection. Where cookies
// are always sent it keeps none.
func withCookies(s *lab.Script, listener *lab.Sock, always bool) (keeps []lab.Check) {
	limit, bound := listener.Limit(), s.Server.Sysctl(maxSYNBacklog)
	kept, full := flood(s, listener, 1, "flood")
	switch {
	case always:
	case !full:
		s.Inapplicable(tooFew, "max-syn-backlog-limits-the-syn-queue", "cookies-keep-no-state", "a-guessed-cookie-is-refused")
		return nil
	default:
		keeps = append(keeps, lab.Between("SYN_RECV", kept, limit, limit+1))
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

	s.Part("An ACK with a guessed number, in place of the client's own")
	listener.TryAccept() // for a place in its queue
	guessing := s.Client.Named("guessing").Connect(listener)
	wire = s.Wire.Of(guessing)
	wire.Next("SYN").Deliver()
	wire.Pass("SYN,ACK")
	wire.Next("client:ACK").Drop().Forge(lab.AckLess(1<<32 - wrong)).Deliver()
	s.Expect("a-guessed-cookie-is-refused",
		lab.Is("server", guessing.Peer().State(), "none"),
		lab.Is("server sends", wire.DeliverAll(s.Server), "RST"),
		lab.Is("SyncookiesFailed", s.Server.Counter("SyncookiesFailed"), 1))
	return keeps
}

func withoutCookies(s *lab.Script) {
	s.Server.SetDefault(maxSYNBacklog, "8") // with 4 the limit would be 4 as well
	bound := s.Server.Sysctl(maxSYNBacklog)
	listener := s.Server.Named("second listener").Listen(81, s.Int("backlog"))
	limit := listener.Limit()
	kept, full := flood(s, listener, 0, "second flood")
	if !full {
		s.Inapplicable(tooFew, "max-syn-backlog-limits-without-cookies", "without-cookies-syn-dropped")
		return
	}
	if reach := strangers(bound); reach <= limit {
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

// strangers returns how many SYNs of unknown peers are taken before less than the
// last quarter of tcp_max_syn_backlog is left.
func strangers(bound int) int { return max(0, bound-bound>>2+1) }

// backlogWithoutCookies floods a listener whose backlog is below what
// tcp_max_syn_backlog allows. Where the user keeps that too low it does nothing.
func backlogWithoutCookies(s *lab.Script, limit int) (keeps []lab.Check) {
	s.Server.SetDefault(maxSYNBacklog, strconv.Itoa(2*(limit+1+surplus)))
	if strangers(s.Server.Sysctl(maxSYNBacklog)) <= limit+1 {
		return nil
	}
	s.Part("Again without cookies, with the backlog as the lower limit")
	listener := s.Server.Named("third listener").Listen(82, s.Int("backlog"))
	kept, full := flood(s, listener, 0, "third flood")
	if !full {
		return nil
	}
	return []lab.Check{lab.Between("SYN_RECV without cookies", kept, limit, limit+1)}
}

// flood leaves handshakes half open, besides those that were already, and tells
// how many the listener keeps, and whether it has not kept all.
func flood(s *lab.Script, listener *lab.Sock, already int, name string) (kept int, full bool) {
	clients := min(listener.Limit()+1+surplus, maxFlood)
	if s.Given("flood") {
		clients = s.Int("flood")
	}
	kept = already + fill(s, listener, clients-already, name)
	return kept, kept < clients
}
