package opening

import (
	"bytes"
	"strings"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// What the two SYNs agree on, and what they only announce.
var negotiate = lab.Lab{
	Name:  "negotiate",
	Title: "The two SYNs agree on options; the segment size they only announce",
	Look:  "the options of the SYN and of the SYN,ACK, and which of them both ends then use",
	Long: `Window scaling, selective acknowledgments, timestamps and ECN are used if both SYNs
ask for them: the SYN,ACK repeats what it has understood, and what it leaves out is off
for good. The MSS is another matter. Each side announces the largest segment that it
wants to receive, and the other obeys; the two directions may differ. The lab opens
connections between hosts with different settings, and puts a router between them that
lowers the MSS in the SYN.`,
	Why: `tcp_parse_options (net/ipv4/tcp_input.c) reads the options of a SYN, each only where
its own sysctl allows it. The SYN,ACK (net/ipv4/tcp_output.c: tcp_synack_options) has
window scaling, timestamps and SACK only if the SYN had them; the MSS it always has.
No later segment can change any of it.

A window in a SYN is a plain number of bytes, because nobody knows yet whether the
other side will scale. All later ones are shifted by what their sender's SYN has said.
A capture that begins after the handshake therefore cannot tell how large a window is.

The MSS is what its sender can receive: the MTU of its interface less 40 bytes of
headers, or 60 with IPv6. Options are not counted. With timestamps each segment spends
12 bytes on them, and so carries 12 bytes less than announced. Routers in front of a
smaller MTU lower the number in SYNs that pass ("MSS clamping"), which spares the
connection the discovery of the path's MTU. TCP_MAXSEG limits both directions: what
the socket announces, and what it sends (tcp_mss_clamp in include/linux/tcp.h).`,
	Try: []lab.Try{
		{Command: "negotiate --maxseg 536", Says: "smaller segments by TCP_MAXSEG, in both directions"},
		{Command: "negotiate --sysctl net.ipv4.tcp_timestamps=0", Says: "without timestamps a segment has room for 12 bytes more"},
		{Command: "synqueue --syncookies 2", Says: "the server forgets the SYN: the MSS travels in the cookie, the other options in the timestamp"},
		{Command: "sockopt TCP_MAXSEG", Says: "all about the option"},
	},
	Knobs: []lab.Knob{
		lab.Number("maxseg", 1000, 88, 1440, "the TCP_MAXSEG of the last client"),
	},
	Sockopts: []string{"TCP_MAXSEG", "TCP_SAVE_SYN", "TCP_SAVED_SYN"},
	Reads:    []string{"client:" + windowScaling, "server:" + windowScaling, "client:" + timestamps, "server:" + timestamps, "client:" + sack, "server:" + sack, "client:" + minSndMSS},
	Backlog:  1,
	Claims: []lab.Claim{{
		ID:     "mss-is-not-negotiated",
		Text:   "Each side sends segments as large as the other has announced, less the bytes of its options, if its own MTU and TCP_MAXSEG allow that much. The two directions differ if the announcements do.",
		Source: "RFC 9293 §3.7.1 (MUST-16)",
		Control: lab.Control{
			Says: "the router leaves the SYN alone", Segment: "client:SYN#2", Change: lab.AnnounceMSS(1460),
		},
	}, {
		ID:     "both-use-the-smaller-mss",
		Text:   "Both sides use the smaller of the two announced segment sizes.",
		Source: "widely taught, as the MSS negotiation",
		Myth:   true,
		Truth:  "Nothing is negotiated: each side obeys what the other has announced (RFC 9293 §3.7.1).",
		Control: lab.Control{
			Says: "the router lowers the SYN,ACK's as well", Segment: "server:SYN,ACK", Change: lab.AnnounceMSS(clamped),
		},
	}, {
		ID:     "syn-window-is-never-scaled",
		Text:   "The window in a SYN is a number of bytes; from the third segment on, the same window is divided by two to the power of the window scale.",
		Source: "net/ipv4/tcp_output.c: tcp_make_synack; net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process",
		Control: lab.Control{
			Says: "window scaling is turned off on the client", Before: "client:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(windowScaling, "0") },
		},
	}, {
		ID:     "no-scale-unless-both",
		Text:   "A server without window scaling leaves the option out of its SYN,ACK, and then the client does not scale either, though its SYN has offered it.",
		Source: "net/ipv4/tcp_output.c: tcp_synack_options; net/ipv4/tcp_input.c: tcp_rcv_synsent_state_process",
		Control: lab.Control{
			Says: "window scaling is turned on again", Before: "plain:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(windowScaling, "1") },
		},
	}, {
		ID:     "timestamps-only-if-both",
		Text:   "A server without timestamps leaves them out of its SYN,ACK, and the client's next segment has none.",
		Source: "net/ipv4/tcp_output.c: tcp_synack_options; Documentation/networking/ip-sysctl.rst: tcp_timestamps",
		Control: lab.Control{
			Says: "timestamps are turned on again", Before: "plain:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(timestamps, "1") },
		},
	}, {
		ID:     "sack-only-if-both",
		Text:   "A server without SACK leaves sackOK out of its SYN,ACK, and neither side uses it.",
		Source: "net/ipv4/tcp_output.c: tcp_synack_options; Documentation/networking/ip-sysctl.rst: tcp_sack",
		Control: lab.Control{
			Says: "SACK is turned on again", Before: "plain:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(sack, "1") },
		},
	}, {
		ID:     "ecn-setup-is-asked-in-syn",
		Text:   "A client with tcp_ecn 1 asks for ECN by the flags ECE and CWR in its SYN, and a server with tcp_ecn 2 agrees by ECE alone in its SYN,ACK.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_ecn; net/ipv4/tcp_output.c: tcp_ecn_send_syn, tcp_ecn_make_synack",
		Control: lab.Control{
			Says: "the server's tcp_ecn is set to 0", Before: "ecn:connect",
			Do: func(s *lab.Script) { s.Server.SetSysctl(ecn, "0") },
		},
	}, {
		ID:     "maxseg-limits-both-directions",
		Text:   "TCP_MAXSEG lowers the MSS that the client announces, and the size of the segments that it sends, though the server would take larger ones.",
		Source: "tcp(7), TCP_MAXSEG; include/linux/tcp.h: tcp_mss_clamp",
		Control: lab.Control{
			Says: "the option is set to 1440", Before: "small:connect",
			Do: func(s *lab.Script) { lab.Set(s.Sock("small"), sockopt.MaxSeg, 1440) },
		},
	}, {
		ID:     "an-mss-has-a-floor",
		Text:   "A client obeys no MSS below tcp_min_snd_mss: its segments, options and data, are that large.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_min_snd_mss; net/ipv4/tcp_output.c: __tcp_mtu_to_mss",
		Control: lab.Control{
			Says: "the floor is raised behind the story's back", Before: "tiny:connect",
			Do: func(s *lab.Script) { s.Client.SetSysctl(minSndMSS, "200") },
		},
	}, {
		ID:     "the-server-can-read-the-syn",
		Text:   "With TCP_SAVE_SYN on the listener the server's program reads the client's SYN as it came, its MSS with it, and reads it once.",
		Source: "net/ipv4/tcp.c: do_tcp_getsockopt; net/ipv4/tcp_input.c: tcp_reqsk_record_syn",
		Control: lab.Control{
			Says: "a router lowers the MSS in the SYN", Of: "tiny", Segment: "client:SYN", Change: lab.AnnounceMSS(clamped),
		},
	}},
	Script: func(s *lab.Script) {
		listener := s.Server.Listen(80, 16)
		announced(s, listener)

		s.Part("A client that asks for ECN")
		s.Client.SetSysctl(ecn, "1")
		s.Server.SetSysctl(ecn, "2")
		h := handshakeOf(s, listener, s.Client.Named("ecn").Connect(listener))
		s.Expect("ecn-setup-is-asked-in-syn",
			lab.Is("SYN has ECE and CWR", h.SYN.Has("ECE,CWR"), true),
			lab.Is("SYN,ACK has ECE", h.SYNACK.Has("ECE"), true),
			lab.Is("SYN,ACK has CWR", h.SYNACK.Has("CWR"), false))
		s.Client.SetSysctl(ecn, "0")

		s.Part("A client with TCP_MAXSEG")
		small := s.Client.Named("small").Socket()
		lab.Set(small, sockopt.MaxSeg, s.Int("maxseg"))
		small.Bind(s.Client.Addr(40010))
		small.Connect(s.Server.Addr(80))
		h = handshakeOf(s, listener, small)
		s.Unless(shrinks(small, s.Int("maxseg"))).Expect("maxseg-limits-both-directions",
			lab.Is("SYN's mss", h.SYN.MSS(), s.Int("maxseg")),
			lab.Seen("SYN,ACK's mss", h.SYNACK.MSS()),
			lab.Is("client's segments", int(small.Info().SndMSS), s.Int("maxseg")-optionBytes(h.ACK)))
		atTheEdges(s)
		agreed(s, listener)
	},
}

const minSndMSS = "net.ipv4.tcp_min_snd_mss"

// atTheEdges shows the smallest MSS, and the SYN as the server's program sees it.
func atTheEdges(s *lab.Script) {
	s.Part("A router lowers the MSS of the SYN,ACK to 10, and the server keeps the SYN")
	floor := s.Client.Sysctl(minSndMSS)
	listener := s.Server.Named("curious listener").Listen(81, 16)
	lab.Set(listener, sockopt.SaveSYN, 1)
	tiny := s.Client.Named("tiny").Connect(listener)
	wire := s.Wire.Of(tiny)
	wire.Next("SYN").Deliver()
	wire.Next("SYN,ACK").Hold().Forge(lab.AnnounceMSS(10)).Deliver()
	options := optionBytes(wire.Next("client:ACK").Deliver())
	s.Unless(shrinks(tiny, floor)).Expect("an-mss-has-a-floor", lab.Is("bytes in a segment", int(tiny.Info().SndMSS), floor-options))
	server := listener.Accept()
	saved, _ := lab.TryGet(server, sockopt.Find(sockopt.SavedSYN.Name)[0], nil)
	again, _ := lab.TryGet(server, sockopt.Find(sockopt.SavedSYN.Name)[0], nil)
	const kind, length = 2, 4 // of the MSS option
	announced := int(tiny.Info().AdvMSS) + options
	option := []byte{kind, length, byte(announced >> 8), byte(announced)}
	s.Unless(!s.Server.KeepsHalfOpen(), "a SYN cookie keeps no SYN").
		Expect("the-server-can-read-the-syn",
			lab.Is("its MSS is what the client has sent", bytes.Contains(saved.([]byte), option), true),
			lab.Is("bytes the second time", len(again.([]byte)), 0))
}

const (
	windowScaling = "net.ipv4.tcp_window_scaling"
	timestamps    = "net.ipv4.tcp_timestamps"
	sack          = "net.ipv4.tcp_sack"
	ecn           = "net.ipv4.tcp_ecn"
	clamped       = 1000 // what the router makes of the MSS
)

// optionBytes is how many bytes of each segment its options take, by the handshake's ACK.
func optionBytes(ack *lab.Segment) int {
	if ack.Offers("TS") {
		return 12
	}
	return 0
}

// shrinks reports whether something makes a socket's segments smaller than the MSS that
// was announced to it, and what.
func shrinks(from *lab.Sock, mss int) (is bool, why string) {
	if from.Host().Sysctl("net.ipv4.tcp_mtu_probing") > 1 {
		return true, "with this tcp_mtu_probing segments begin at tcp_base_mss"
	}
	small := int(from.Info().SndWnd) < 2*mss // tcp_bound_to_half_wnd
	return small, "the receive buffer is so small that segments are half of its window"
}

// handshakeOf delivers the handshake of a client that connects, and accepts: the queue
// may have room for one connection alone.
func handshakeOf(s *lab.Script, listener, client *lab.Sock) lab.Handshake {
	h := s.Wire.Handshake(client)
	listener.Accept()
	return h
}

// announced shows a connection whose SYN a router has changed.
func announced(s *lab.Script, listener *lab.Sock) {
	s.Part("A router lowers the MSS in the client's SYN")
	scales := s.Both(windowScaling)
	client := s.Client.Connect(listener)
	syn := s.Wire.Next("SYN").Hold()
	syn.Forge(lab.AnnounceMSS(clamped)).Deliver()
	synack := s.Wire.Next("SYN,ACK").Deliver()
	ack := s.Wire.Next("ACK").Deliver()
	server := listener.Accept()
	options := optionBytes(ack)
	up, down := client.Segment(strings.Repeat("c", 2000)), server.Segment(strings.Repeat("s", 2000))
	s.Unless(!s.Server.KeepsHalfOpen(), "a SYN cookie keeps the MSS that was announced in rough steps").
		Unless(shrinks(client, synack.MSS())).Unless(shrinks(server, clamped)).Expect("mss-is-not-negotiated",
		lab.Is("client's segments", up.Len, synack.MSS()-options),
		lab.Is("server's segments", down.Len, clamped-options))
	s.Expect("both-use-the-smaller-mss",
		lab.Is("client's segments", up.Len, clamped-options),
		lab.Seen("server's segments", down.Len))
	divided := int(syn.Win) >> max(0, syn.WScale())
	s.Unless(!scales, "window scaling is off").Expect("syn-window-is-never-scaled",
		lab.Seen("SYN's win", int(syn.Win)),
		lab.Seen("wscale", syn.WScale()),
		lab.Between("ACK's win", int(ack.Win), divided, divided+1), // the kernel rounds it up
		lab.Is("the ACK's is smaller", ack.Win < syn.Win, true))
}

// agreed shows a server that lacks what the client offers.
func agreed(s *lab.Script, listener *lab.Sock) {
	s.Part("A server without window scaling, timestamps and SACK")
	for _, key := range []string{windowScaling, timestamps, sack} {
		s.Server.SetSysctl(key, "0")
	}
	plain := s.Client.Named("plain").Connect(listener)
	h := handshakeOf(s, listener, plain)
	expect := func(id, key, option string, after lab.Check) {
		s.Unless(s.Client.Sysctl(key) == 0, "the client does not offer it").Expect(id,
			lab.Is("the SYN offers it", h.SYN.Offers(option), true),
			lab.Is("the SYN,ACK has it", h.SYNACK.Offers(option), false), after)
	}
	info := plain.Info()
	expect("no-scale-unless-both", windowScaling, "wscale", lab.Is("client's windows are shifted by", int(info.RcvWscale), 0))
	expect("timestamps-only-if-both", timestamps, "TS", lab.Is("the ACK has it", h.ACK.Offers("TS"), false))
	expect("sack-only-if-both", sack, "sackOK", lab.Is("client uses it", info.Options&sockopt.OptSACK != 0, false))
}
