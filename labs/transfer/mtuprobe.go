package transfer

import (
	"strconv"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

const (
	baseMSS        = "net.ipv4.tcp_base_mss"
	probeFloor     = "net.ipv4.tcp_mtu_probe_floor"
	probeThreshold = "net.ipv4.tcp_probe_threshold"
	leastMSS       = "net.ipv4.tcp_min_snd_mss"
)

// A sender that looks for the largest segment by trying.
var mtuProbe = lab.Lab{
	Name:  "mtuprobe",
	Title: "With tcp_mtu_probing a sender tries larger segments, and needs no ICMP to learn what fits",
	Look:  "the one segment that is larger than its neighbours, and the size of those after it",
	Long: `A path's MTU is not known beforehand, and the ICMP messages that would report it
are often filtered. With tcp_mtu_probing a sender can find out without them. With 2 it
begins with small segments, of tcp_base_mss bytes, and now and then tries a larger one,
half way between what works and what its own link allows. If that is acknowledged, all
segments become as large; if it is lost while its neighbours arrive, it was too large. With
1 it begins with full segments, and shrinks them only when timeouts point to a black hole.`,
	Why: `tcp_mtu_probe (net/ipv4/tcp_output.c) sends a probe when it can do no harm: with
a congestion window of 11 segments or more, nothing lost, and more data waiting than the
probe and four further segments take, so that duplicate ACKs can show its loss. Its size is
the middle of search_low and search_high. The search is over when they differ by less than
tcp_probe_threshold, 8 bytes, and begins anew after tcp_probe_interval, ten minutes.

A probe that is lost is no congestion: tcp_mtup_probe_failed (net/ipv4/tcp_input.c) lowers
search_high, and its data goes out again in small segments, while the congestion window
stays. tcp_mtup_probe_success raises search_low, and computes the congestion window anew,
since it counts segments.

After timeouts tcp_mtu_probing (net/ipv4/tcp_timer.c) goes the other way: to tcp_base_mss
first, then to one half each time, but not below tcp_mtu_probe_floor.`,
	Try: []lab.Try{
		{Command: "mtu", Says: "with ICMP, and the black hole that it leaves without"},
		{Command: "mtuprobe --base-mss 512", Says: "a smaller beginning, and a larger step"},
		{Command: "negotiate", Says: "the segment size that the SYNs announce"},
	},
	Knobs: []lab.Knob{
		lab.Turns("base-mss", "client:"+baseMSS, "the client's net.ipv4.tcp_base_mss"),
	},
	Sockopts: []string{"SO_SNDBUF", "SO_LINGER"},
	Reads:    []string{"client:" + reordering},
	Claims: []lab.Claim{{
		ID:     "begins-at-the-base",
		Text:   "With tcp_mtu_probing 2 the first segments carry tcp_base_mss bytes.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_base_mss, tcp_mtu_probing; net/ipv4/tcp_output.c: tcp_mtup_init",
		Control: lab.Control{
			Says: "the client does not probe", Before: "client:socket", Do: dontProbe,
		},
	}, {
		ID:     "a-probe-that-arrives-is-the-new-size",
		Text:   "One segment is larger than the others. When it is acknowledged, the client's segments become as large.",
		Source: "net/ipv4/tcp_output.c: tcp_mtu_probe; net/ipv4/tcp_input.c: tcp_mtup_probe_success",
		Control: lab.Control{
			Says: "the client does not probe any more", Before: "client:write",
			Do: func(s *lab.Script) { s.Client.SetSysctl(probeThreshold, "1000") },
		},
	}, {
		ID:     "a-lost-probe-is-no-congestion",
		Text:   "If the probe alone is lost, its data is sent again in small segments, and neither the congestion window nor its threshold is reduced.",
		Source: "net/ipv4/tcp_input.c: tcp_fastretrans_alert, tcp_mtup_probe_failed, tcp_simple_retransmit",
		Control: lab.Control{
			Says: "a small segment is lost before", Of: "distant client", Segment: "client:data#2",
		},
	}, {
		ID:     "every-loss-is-congestion",
		Text:   "To Linux every lost segment is a sign of congestion.",
		Source: "widely taught, of loss-based congestion control",
		Myth:   true,
		Truth:  "A lost probe of the path's MTU is none (net/ipv4/tcp_input.c: tcp_mtup_probe_failed).",
		Control: lab.Control{
			Says: "a small segment is lost before", Of: "distant client", Segment: "client:data#2",
		},
	}, {
		ID:     "the-threshold-ends-the-search",
		Text:   "No larger segment is tried where what is left to search is less than tcp_probe_threshold.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_probe_threshold; net/ipv4/tcp_output.c: tcp_mtu_probe",
		Control: lab.Control{
			Says: "the threshold is 8 again", Before: "narrow client:write",
			Do: func(s *lab.Script) { s.Client.SetSysctl(probeThreshold, "8") },
		},
	}, {
		ID:     "a-black-hole-halves-down-to-the-floor",
		Text:   "With tcp_mtu_probing 1 timeouts make the segments as small as tcp_base_mss, and then half as large, but not smaller than tcp_mtu_probe_floor and tcp_min_snd_mss.",
		Source: "Documentation/networking/ip-sysctl.rst: tcp_mtu_probe_floor; net/ipv4/tcp_timer.c: tcp_mtu_probing",
		Control: lab.Control{
			Says: "the floor is raised by 100", Before: "hole client:write",
			Do: func(s *lab.Script) { s.Client.SetSysctl(probeFloor, "700") },
		},
	}},
	Script: func(s *lab.Script) {
		s.Client.SetDefault(retries1, "0")
		base := s.Client.Sysctl(baseMSS)
		s.StopIf(s.Client.ProbesTail(), lab.TailLossProbe)
		s.StopIf(s.Client.Sysctl(reordering) != 3 || s.Client.Sysctl(recovery)&noDupThresh != 0, "with these settings the story needs other numbers of segments")
		s.StopIf(s.Client.Sysctl(retries2) < 3, "with this tcp_retries2 the connection ends before")
		s.StopIf(s.Client.Sysctl("net.ipv4.tcp_min_snd_mss") > base/2, "with this tcp_min_snd_mss the segments do not become as small")
		needWaiting(s, s.Client)
		s.StopIf(s.Client.Sysctl(retries1) > 0 || leastRTO(s.Client) < kernelsRTOMin, "with these settings a black hole takes more timeouts")
		s.Client.SetSysctl(mtuProbing, "2")
		listener := s.Server.Listen(80, 16)
		client, server := near(s, listener, "client")
		s.StopIf(int(client.Info().SndWnd) < 50*base, "the receive buffer has no room for so many segments")
		s.StopIf(base < 200 || base > 1300, "tcp_base_mss leaves no room for the search")
		s.Part("A larger segment arrives")
		s.Expect("begins-at-the-base", lab.Is("bytes in a segment", int(client.Info().SndMSS), base))
		size := 0
		if probe := untilProbe(s, client, server, firstWindow+6); probe != nil {
			size = probe.Deliver().Len
			s.Wire.Of(client).DeliverAll(s.Server)
		}
		s.Expect("a-probe-that-arrives-is-the-new-size",
			lab.Seen("bytes before", base),
			lab.Is("larger", size > base, true),
			lab.Is("bytes afterwards", int(client.Info().SndMSS), size))
		client.Abort()

		client, server = near(s, listener, "narrow client")
		s.Part("What there is to search is less than the threshold")
		s.Client.SetSysctl(probeThreshold, "1000")
		none := untilProbe(s, client, server, firstWindow+6)
		s.Expect("the-threshold-ends-the-search", lab.Is("larger segments", none != nil, false))
		client.Abort()
		s.Client.SetSysctl(probeThreshold, "8")
		lostProbe(s, listener)
		deepHole(s, listener, base)
	},
}

// firstWindow is the first congestion window. With as much on its way the data that is
// written waits, and of that a probe is made: it needs as much as five segments and more.
const firstWindow = 10

// near makes a connection whose program may write as much as it likes.
func near(s *lab.Script, listener *lab.Sock, name string) (client, server *lab.Sock) {
	client = s.Client.Named(name).Establish(listener)
	lab.Set(client, sockopt.SndBuf, aLot)
	return client, listener.Accept()
}

// untilProbe writes, and lets segments arrive one by one until one comes that is larger
// than the others: that it returns. Where none comes, all has arrived.
func untilProbe(s *lab.Script, client, server *lab.Sock, segments int) *lab.Segment {
	usual := int(client.Info().SndMSS)
	client.Write(client.Full(segments))
	wire := s.Wire.Of(client)
	for d := wire.Take("client:data"); d != nil; d = wire.Take("client:data") {
		if d.Len > usual {
			return d
		}
		d.Deliver()
		server.TryReadSome(aLot)
		wire.DeliverAll(s.Server)
	}
	wire.Carry(client)
	return nil
}

// dontProbe is a control.
func dontProbe(s *lab.Script) { s.Client.SetSysctl(mtuProbing, "0") }

// lostProbe loses the larger segment.
func lostProbe(s *lab.Script, listener *lab.Sock) {
	client, _ := distant(s, listener, "distant client")
	lab.Set(client, sockopt.SndBuf, aLot)
	s.Part("A larger segment is lost, and those after it arrive")
	usual := int(client.Info().SndMSS)
	client.Write(client.Full(firstWindow + 6))
	client.Idle(roundTrip)
	wire := s.Wire.Of(client)
	arrive := func(n int) {
		for range n {
			wire.Next("client:data").Deliver()
			wire.DeliverAll(s.Server)
		}
	}
	arrive(firstWindow) // the first ACK has let the probe go
	probe, before := wire.Next("client:data").Hold(), client.Cwnd()
	client.Idle(roundTrip)
	probe.Drop()
	arrive(3)
	reduced, again := client.Cwnd() < before || client.Info().SndSsthresh < infinite, 0
	for d := wire.Take("client:data again"); d != nil; d = wire.Take("client:data again") {
		again = max(again, d.Len)
		d.Deliver()
	}
	s.Expect("a-lost-probe-is-no-congestion",
		lab.Is("larger than the others", probe.Len > usual, true),
		lab.Is("bytes in what is sent again", again, usual),
		lab.Is("window or threshold reduced", reduced, false))
	s.Expect("every-loss-is-congestion", lab.Is("window or threshold reduced", reduced, true))

	client.Abort()
}

// deepHole loses every segment that is not as small as can be.
func deepHole(s *lab.Script, listener *lab.Sock, base int) {
	floor := base * 5 / 8
	s.Client.SetSysctl(mtuProbing, "1")
	s.Client.SetSysctl(probeFloor, strconv.Itoa(floor))
	client := s.Client.Named("hole client").Establish(listener)
	s.Part("A black hole")
	first := client.Segment(client.Full(1)).Lose(2)
	second := first.Lose(1).Deliver()
	s.Expect("a-black-hole-halves-down-to-the-floor",
		lab.Is("bytes after two timeouts", first.Len, base),
		lab.Is("after three", second.Len, max(base/2, floor, s.Client.Sysctl(leastMSS))))
	s.Wire.Of(client).Carry(client)
}
