package report

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

func handshake() *record.Run {
	s := tell("A connection is established before accept is called", "client", "server")
	s.part("A handshake, and nobody calls accept")
	s.listen(16)
	s.handshake(40000, 1)
	s.judge(record.Claim{
		ID: "established-without-accept", Text: "Both ends are ESTABLISHED though the server has not called accept.",
		Source: "listen(2); RFC 9293 §3.5", Verdict: record.Confirmed,
		Evidence: record.Evidence{{Name: "client", Value: "ESTABLISHED"}, {Name: "server", Value: "ESTABLISHED"}},
	})
	s.part("Data, accept, and the end")
	s.call("client", "write", "5", "3", `"hello"`, "5")
	s.state("client", "40000->80", record.Established, record.Established, queues(0, 5))
	s.segment("client", "server", 40000, "PSH,ACK", 1, 1, 5, record.Delivered)
	s.state("server", "80<-40000", record.Established, record.Established, queues(5, 0), nobodys)
	s.segment("server", "client", 40000, "ACK", 1, 6, 0, record.Delivered)
	s.state("client", "40000->80", record.Established, record.Established)
	s.call("server", "accept", "4", "3")
	s.state("server", ":80", record.Listen, record.Listen, queues(0, 16))
	s.state("server", "80<-40000", record.Established, record.Established, queues(5, 0))
	s.call("server", "read", "5", "4", `"hello"`, "4096")
	s.state("server", "80<-40000", record.Established, record.Established)
	s.judge(record.Claim{
		ID: "accept-takes-part-in-handshake", Text: "accept is the server's part in the handshake: it sends or waits for a segment.",
		Source: "widely taught, as the call that “completes” a connection", Myth: true, Verdict: record.Refuted,
		Truth:    "accept takes a finished connection from a queue: not one segment is sent or awaited.",
		Evidence: record.Evidence{{Name: "segments during accept", Value: int64(0)}},
		Expected: record.Evidence{{Name: "segments during accept", Value: "at least 1"}},
	})
	s.call("client", "close", "0", "3")
	s.state("client", "40000->80", record.Established, record.FinWait1, queues(0, 1), nobodys)
	s.segment("client", "server", 40000, "FIN,ACK", 6, 1, 0, record.Delivered)
	s.state("server", "80<-40000", record.Established, record.CloseWait, queues(1, 0))
	s.segment("server", "client", 40000, "RST", 1, 0, 0, record.Delivered)
	s.state("client", "40000->80", record.FinWait1, record.Close, nobodys)
	return &s.run
}

// fates shows what the wire can do with a segment, in both directions.
func fates() *record.Run {
	s := tell("What the wire does with a segment", "client", "server")
	s.listen(16)
	s.connect(40000)
	s.part("To the server")
	s.segment("client", "server", 40000, "SYN", 0, 0, 0, record.Dropped)
	syn := s.segment("client", "server", 40000, "SYN", 0, 0, 0, record.Held)
	syn.Retransmission = true
	s.later(syn, record.Delivered)
	s.state("server", "80<-40000", "", record.SynRecv, nobodys)
	s.later(syn, record.Injected)
	forged := s.segment("client", "server", 40000, "RST", 2, 0, 0, record.Injected)
	forged.Forged, forged.Timestamp = true, record.OlderTimestamp
	held := s.segment("client", "server", 40000, "FIN,PSH,ACK", 4294967295, 4294967295, 1460, record.Held)
	held.Retransmission = true
	s.later(held, record.Held)
	s.later(held, record.Dropped)
	s.part("To the client")
	s.segment("server", "client", 40000, "SYN,ACK", 0, 1, 0, record.Dropped)
	answer := s.segment("server", "client", 40000, "SYN,ACK", 0, 1, 0, record.Held)
	answer.Retransmission = true
	s.later(answer, record.Delivered)
	s.state("client", "40000->80", record.SynSent, record.Established)
	s.later(answer, record.Injected)
	held = s.segment("server", "client", 40000, "FIN,PSH,ACK", 4294967295, 4294967295, 1460, record.Held)
	held.Retransmission = true
	s.later(held, record.Held)
	s.later(held, record.Dropped)
	return &s.run
}

// listener shows what is beside the arrow of a segment that changes nothing.
func listener() *record.Run {
	s := tell("Nothing comes of a segment", "client", "server")
	s.connect(40000)
	s.segment("client", "server", 40000, "SYN", 0, 0, 0, record.Delivered) // nobody listens
	s.listen(0)
	s.segment("client", "server", 40000, "SYN", 0, 0, 0, record.Delivered).Retransmission = true // the queue is full
	s.segment("server", "client", 40000, "ACK", 0, 0, 0, record.Delivered)
	s.call("client", "close", "0", "3")
	s.state("client", "40000->80", record.SynSent, record.Close)
	s.segment("server", "client", 40000, "SYN,ACK", 0, 1, 0, record.Delivered)
	return &s.run
}

// selfLoop is of a host that is connected to itself: the last of hosts.
func selfLoop(hosts ...string) *record.Run {
	s := tell("A socket is connected to itself", hosts...)
	host := hosts[len(hosts)-1]
	s.fails(host, "connect", "EINPROGRESS", "3", "192.0.2.1:80")
	s.state(host, "80->80", "", record.SynSent)
	s.segment(host, host, 80, "SYN", 0, 0, 0, record.Dropped)
	syn := s.segment(host, host, 80, "SYN", 0, 0, 0, record.Held)
	syn.Retransmission = true
	s.later(syn, record.Delivered)
	s.state(host, "80->80", record.SynSent, record.SynRecv)
	s.segment(host, host, 80, "SYN,ACK", 0, 1, 0, record.Delivered)
	s.state(host, "80->80", record.SynRecv, record.Established)
	s.segment(host, host, 80, "ACK", 1, 1, 0, record.Delivered)
	s.segment(host, host, 80, "PSH,ACK", 4294967295, 4294967295, 1460, record.Injected).Retransmission = true
	s.state(host, "80->80", record.Established, record.Established, queues(1460, 1460))
	return &s.run
}

func twoConnections() *record.Run {
	s := tell("Two connections at once", "client", "server")
	s.part("Two handshakes cross")
	s.listen(16)
	s.connect(40000)
	s.connect(40001)
	for _, port := range []uint16{40001, 40000} {
		s.segment("client", "server", port, "SYN", 0, 0, 0, record.Delivered)
		s.state("server", "80<-"+name(port, ""), "", record.SynRecv, nobodys)
	}
	s.segment("server", "client", 40000, "SYN,ACK", 0, 1, 0, record.Delivered)
	s.state("client", "40000->80", record.SynSent, record.Established)
	s.part("One is closed")
	s.call("client", "close", "0", "4")
	s.state("client", "40001->80", record.SynSent, record.Close)
	return &s.run
}

func repetition15() *record.Run {
	s := tell("Fifteen connections", "client", "server")
	s.part("They all look the same")
	s.listen(16)
	for i := range uint16(15) {
		s.handshake(40000+i, uint32(i)+1)
	}
	s.part("Three lines are no shorter when folded")
	for range 3 {
		s.fails("server", "accept", "EAGAIN", "3")
	}
	s.part("Four are")
	for range 4 {
		s.fails("server", "accept", "EAGAIN", "3")
	}
	s.part("Errors that differ stay")
	for _, errno := range []string{"EAGAIN", "EAGAIN", "EMFILE", "EAGAIN", "EAGAIN"} {
		s.fails("server", "accept", errno, "3")
	}
	return &s.run
}

func wait() *record.Run {
	s := tell("A timer runs out", "client", "server")
	s.connect(40000)
	s.segment("client", "server", 40000, "SYN", 0, 0, 0, record.Dropped)
	s.add(&record.Wait{Host: "client", Socket: "40000->80", Timer: "retransmit", For: "client:SYN again", LeftMS: 998, WaitedMS: 1003})
	s.add(&record.Call{Host: "server", Call: "sysctl", Args: []string{"net.ipv4.tcp_abort_on_overflow=1"}, Result: "0"})
	s.segment("client", "server", 40000, "SYN", 0, 0, 0, record.Dropped).Retransmission = true
	s.add(&record.Wait{Host: "client", Socket: "40000->80", Timer: "retransmit", For: record.Close, LeftMS: 998, WaitedMS: 1003})
	s.call("client", "getsockopt", "0", "3", "SOL_SOCKET", "SO_ERROR", "[ETIMEDOUT]")
	s.call("client", "getsockopt", "0", "3", "SOL_SOCKET", "SO_ERROR", "[0]") // no answer to a connect any more
	s.connect(40001)
	s.call("client", "getsockopt", "0", "3", "SOL_SOCKET", "SO_ERROR", "[0]")
	s.judge(record.Claim{
		ID: "sent-again-after-a-second", Text: "The SYN is sent again after 1 s.", Source: "RFC 6298 §2.1", Verdict: record.Confirmed,
		Evidence: record.Evidence{{Name: "sent again", Value: "SYN"}, {Name: "after_ms", Value: int64(1003)}, {Name: "left_ms", Value: int64(7)}},
		Expected: record.Evidence{{Name: "after_ms", Value: "1000"}},
	})
	for i, at := range []int64{9_999_990, 10_000_000, 999_999_000, 3_600_000_000, 1 << 50} {
		s.fails("client", "read", "EAGAIN", "3", strings.Repeat("x", i))
		s.run.Events[len(s.run.Events)-1].At = time.Duration(at) * time.Microsecond
	}
	return &s.run
}

// causes has a segment for each cause.
func causes() *record.Run {
	s := tell("Why a segment is sent by itself", "client", "server")
	cause := func(c record.Cause, from, flags string, seq, ack uint32, n int, again bool) {
		to := map[string]string{"client": "server", "server": "client"}[from]
		v := s.segment(from, to, 40000, flags, seq, ack, n, record.Delivered)
		v.Cause, v.Retransmission = c, again
	}
	s.listen(16)
	s.handshake(40000, 1)
	s.part("The client's")
	cause(record.ByTimer, "client", "PSH,ACK", 1, 1, 1460, true)
	cause(record.ByDuplicates, "client", "PSH,ACK", 1461, 1, 1460, true)
	cause(record.BySlowStart, "client", "PSH,ACK", 1461, 1, 1460, true)
	cause(record.ByICMP, "client", "PSH,ACK", 1461, 1, 1000, true)
	cause(record.BySYNACK, "client", "PSH,ACK", 1, 1, 5, true)
	cause(record.ByAnswer, "client", "ACK", 2921, 1, 0, true)
	cause(record.ByProbe, "client", "PSH,ACK", 2921, 1, 100, false)
	cause(record.ByProbe, "client", "PSH,ACK", 2921, 1, 100, true)
	cause(record.ByKeepalive, "client", "ACK", 3020, 1, 0, true)
	cause(record.ByWindowProbe, "client", "ACK", 3020, 1, 0, false)
	cause(record.ByUnknown, "client", "FIN,ACK", 3021, 1, 0, true)
	s.part("The server's")
	cause(record.ByAnswer, "server", "SYN,ACK", 0, 1, 0, true)
	cause(record.ByKeepalive, "server", "ACK", 0, 3021, 0, true)
	s.segment("server", "client", 40000, "FIN,PSH,ACK", 1, 3021, 1460, record.Dropped).Cause = record.ByDuplicates
	s.segment("client", "server", 40000, "PSH,ACK", 3022, 1, 5, record.Delivered)
	delayed := s.segment("server", "client", 40000, "ACK", 1, 3027, 0, record.Delivered)
	delayed.Cause, delayed.SentAt = record.ByDelay, s.run.Events[len(s.run.Events)-2].At+40*time.Millisecond
	return &s.run
}

// counts has counters that rise at a segment's receiver and at its sender, in a
// call, and where there is nothing that they belong to.
func counts() *record.Run {
	s := tell("Where a counter rises", "client", "server")
	rose := func(host string, names ...string) {
		all := map[string]int64{}
		for i, name := range names {
			all[name] = int64(i + 1)
		}
		s.add(&record.Counters{Host: host, Rose: all})
	}
	rose("client", "TCPOFODrop")
	s.listen(0)
	s.handshake(40000, 1)
	s.part("The queue is full")
	s.connect(40001)
	s.segment("client", "server", 40001, "SYN", 0, 0, 0, record.Delivered)
	rose("server", "ListenOverflows", "ListenDrops")
	rose("server", "SyncookiesFailed") // of no meaning: it has sent no cookie yet
	rose("server")
	s.add(&record.Wait{Host: "client", Socket: "40001->80", Timer: "retransmit", For: "client:SYN again"})
	v := s.segment("client", "server", 40001, "SYN", 0, 0, 0, record.Dropped)
	v.Retransmission, v.Cause = true, record.ByTimer
	rose("client", "TCPAbortOnTimeout", "TCPACKSkippedSeq")
	v = s.segment("client", "server", 40001, "SYN", 0, 0, 0, record.Delivered)
	v.Retransmission, v.Cause = true, record.ByTimer
	rose("client", "TCPAbortOnTimeout")
	s.state("server", "80<-40001", "", record.SynRecv, nobodys)
	rose("server", "TCPReqQFullDoCookies")
	s.part("A cookie")
	s.connect(40002)
	s.segment("client", "server", 40002, "SYN", 0, 0, 0, record.Delivered)
	rose("server", "SyncookiesSent", "TCPReqQFullDoCookies")
	s.segment("server", "client", 40002, "SYN,ACK", 0, 1, 0, record.Delivered)
	s.state("client", "40002->80", record.SynSent, record.Established)
	s.segment("server", "client", 40002, "ACK", 1, 1, 0, record.Delivered)
	rose("client", "PAWSEstab")
	s.segment("client", "server", 40002, "ACK", 1, 1, 0, record.Delivered)
	rose("server", "SyncookiesRecv")
	s.state("server", "80<-40002", "", record.Established, nobodys)
	s.segment("client", "server", 40003, "ACK", 1, 1, 0, record.Injected).Forged = true
	rose("server", "SyncookiesFailed")
	s.part("A call, and none")
	s.call("client", "close", "0", "3")
	s.state("client", "40000->80", record.Established, record.Close, nobodys)
	rose("client", "TCPAbortOnClose")
	s.add(&record.Wait{Host: "server", Socket: "80<-40001", For: record.Close})
	rose("server", "TCPAbortOnTimeout")
	s.state("server", "80<-40001", record.SynRecv, record.Close, nobodys)
	return &s.run
}

// otherNames are hosts that do not stand in the order of the alphabet, and ports
// that do not rise as one would think.
func otherNames() *record.Run {
	s := tell("Whatever hosts and ports are called", "b", "a")
	connect := func(from, to netip.AddrPort) {
		host, other := "b", "a"
		if from.Addr() == addressOf["a"] {
			host, other = other, host
		}
		here, there := from.Port(), to.Port()
		s.fails(host, "connect", "EINPROGRESS", "3", to.String())
		s.add(&record.State{Host: host, Socket: fmt.Sprintf("%d->%d", here, there), Local: from, Remote: to, To: record.SynSent, Descriptor: true})
		s.last++
		s.add(&record.Segment{From: host, To: other, Src: from, Dst: to, Flags: "SYN", Fate: record.Delivered, ID: s.last})
		s.add(&record.State{Host: other, Socket: fmt.Sprintf("%d<-%d", there, here), Local: to, Remote: from, To: record.SynRecv})
	}
	at := func(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }
	second := netip.MustParseAddr("192.0.2.22")
	s.run.Environment.Hosts[1].Addresses = append(s.run.Environment.Hosts[1].Addresses, second)
	connect(at("192.0.2.12:80"), at("192.0.2.11:40000"))
	connect(at("192.0.2.11:40001"), at("192.0.2.12:81"))
	s.part("The same port on the left")
	connect(at("192.0.2.12:7"), at("192.0.2.11:40000"))
	connect(at("192.0.2.12:7"), at("192.0.2.11:40001"))
	connect(at("192.0.2.12:7"), at("192.0.2.22:40001"))
	return &s.run
}

// threeHosts has one more than there are sides.
func threeHosts() *record.Run {
	s := tell("A host in between", "a", "b", "c")
	s.segment("a", "b", 40000, "SYN", 0, 0, 0, record.Delivered)
	s.segment("b", "c", 40000, "SYN", 0, 0, 0, record.Delivered)
	s.state("c", "80<-40000", "", record.SynRecv, nobodys)
	s.segment("c", "a", 40000, "RST", 0, 0, 0, record.Dropped)
	s.call("c", "close", "0", "3")
	s.state("c", "80<-40000", record.SynRecv, record.Close, nobodys)
	return &s.run
}

// late was held up, and its states were not read step by step.
func late() *record.Run {
	s := tell("The machine stands still for a while", "client", "server")
	s.run.States = record.Live
	s.run.HeldUp = record.HoldUp{For: 3012 * time.Millisecond, Before: "server: close(4)"}
	s.run.Late = &record.Late{
		At: 400 * time.Microsecond, Host: "client", Socket: "40000->80", Timer: "retransmit", By: 2800 * time.Millisecond, Before: "server: close(4)",
	}
	s.connect(40000)
	s.judge(record.Claim{ID: "judged-late", Text: "It is.", Source: "here", Verdict: record.Confirmed})
	return &s.run
}

func surprise() *record.Run {
	s := tell("The kernel does something else", "client", "server")
	s.call("client", "socket", "3")
	s.judge(record.Claim{
		ID: "a-fact-that-is-refuted", Text: "It holds two.", Source: "listen(2)", Verdict: record.Refuted,
		Evidence: record.Evidence{{Name: "queued", Value: int64(3)}, {Name: "data", Value: ""}, {Name: "open", Value: true}},
		Expected: record.Evidence{{Name: "queued", Value: int64(2)}, {Name: "data", Value: "hello"}, {Name: "open", Value: true}},
	})
	s.judge(record.Claim{
		ID: "a-myth-that-is-confirmed", Text: "It holds three.", Source: "widely taught", Myth: true, Truth: "It holds two.",
		Verdict: record.Confirmed, Evidence: record.Evidence{{Name: "queued", Value: int64(3)}},
	})
	return &s.run
}

func broken() *record.Run {
	s := tell("The instrument breaks", "client", "server")
	s.call("client", "socket", "3")
	s.run.Outcome = record.Broken
	s.run.Error = "wire: client:SYN did not come within 1 s; on the wire are server:SYN,ACK and server:RST, and both are of another connection"
	s.run.Claims = []record.Claim{{
		ID: "never-judged", Text: "It holds two.", Source: "listen(2)", Verdict: record.VerdictBroken,
		Reason: "the story ended before it was judged",
	}}
	return &s.run
}

func inapplicable() *record.Run {
	s := tell("This kernel lacks what it takes", "client", "server")
	s.judge(record.Claim{
		ID: "a-claim-about-a-newer-kernel", Text: "It holds two.", Source: "listen(2)", Verdict: record.Inapplicable,
		Reason: "this kernel has no net.ipv4.tcp_rto_max_ms",
	})
	return &s.run
}

// hostile is a record that somebody has made to upset a terminal.
func hostile() *record.Run {
	const evil = "\x1b[2J\x1b]0;pwned\a\r\n\tx\x7f\u009b1m\u202egnirts\u2066\u200b\ufeffe\u0301日本\xff💥"
	long := strings.Repeat("long", 60)
	s := tell(evil+long, "client", "server")
	s.run.Lab, s.run.Environment.Kernel = evil, long
	s.run.Args = map[string]string{evil: evil, "long": long}
	s.run.Given = []string{"--" + evil + "=" + evil, "--long=" + long}
	for i := range s.run.Environment.Hosts {
		s.run.Environment.Hosts[i].Addresses = []netip.Addr{netip.MustParseAddr("fe80::1").WithZone(evil + long)}
	}
	s.part(evil)
	s.part(long + " " + long)
	s.call("server", "write", evil, "3", `"`+evil+`"`, long)
	s.fails("client", evil, evil, evil)
	s.fails("client", "read", long, "3")
	for _, text := range []string{evil, long} {
		s.state("client", "40000->80", "", text)
		s.segment("client", "server", 40000, text, 0, 1, 5, record.Delivered)
		s.segment("server", "client", 40000, text, 0, 1, 5, record.Held)
		s.state("server", "80<-40000", "", text)
		s.segment(text, text, 40000, text, 0, 1, 5, record.Delivered)
		s.segment(text, "client", 40000, text, 0, 1, 5, record.Injected)
		s.add(&record.Wait{Host: text, Timer: text, For: text})
		s.judge(record.Claim{
			ID: text, Text: text, Source: text, Truth: text, Reason: text, Verdict: record.Refuted,
			Evidence: record.Evidence{{Name: text, Value: text}}, Expected: record.Evidence{{Name: text, Value: ""}},
		})
	}
	s.run.Outcome, s.run.Error = record.Broken, evil+" "+long
	return &s.run
}

// icmp has error messages to both hosts, of which one changes a socket.
func icmp() *record.Run {
	s := tell("What ICMP says", "client", "server")
	s.listen(16)
	s.connect(40000)
	message := func(to string, about *record.Segment, says string) {
		s.add(&record.ICMP{
			To: to, Src: netip.MustParseAddr("192.0.2.254"), Dst: about.Src.Addr(), Type: 3, Code: 1, Says: says,
			About: about.ID, From: about.Src, Dest: about.Dst, Raw: about.Raw,
		})
	}
	syn := s.segment("client", "server", 40000, "SYN", 0, 0, 0, record.Dropped)
	message("client", syn, "packet too big, MTU 1280")
	s.add(&record.Counters{Host: "client", Rose: map[string]int64{"OutOfWindowIcmps": 1}})
	message("client", syn, "host unreachable")
	s.state("client", "40000->80", record.SynSent, record.Close)
	answer := s.segment("server", "client", 40000, "SYN,ACK", 0, 1, 0, record.Dropped)
	message("server", answer, "administratively prohibited")
	return &s.run
}

// transfer is a sender with a congestion window, a lost segment and SACK, before and
// after a pause.
func transfer() *record.Run {
	s := tell("Data of many segments", "client", "server")
	s.listen(16)
	s.handshake(40000, 1)
	s.part("Ten segments, of which the third is lost")
	cwnd := func(n uint32) {
		s.add(&record.Window{Host: "client", Socket: "40000->80", Local: s.at("client", 40000), Remote: s.at("server", 80), Cwnd: n, Ssthresh: 1<<31 - 1})
	}
	cwnd(10)
	for i := range uint32(10) {
		fate := record.Delivered
		if i == 2 {
			fate = record.Dropped
		}
		s.segment("client", "server", 40000, "PSH,ACK", 1+1000*i, 1, 1000, fate)
	}
	for i := range uint32(10) {
		ack := s.segment("server", "client", 40000, "ACK", 1, 1+1000*min(i+1, 2), 0, record.Delivered)
		ack.Win = 8000
		switch {
		case i > 2:
			ack.SACK = fmt.Sprintf("3001-%d", 1+1000*(i+1))
		case i < 2:
			cwnd(11 + i)
		}
	}
	again := s.segment("client", "server", 40000, "PSH,ACK", 2001, 1, 1000, record.Delivered)
	again.Retransmission, again.Cause = true, record.ByDuplicates
	s.segment("server", "client", 40000, "ACK", 1, 10001, 0, record.Delivered).Win = 8000
	cwnd(6)
	last := s.segment("client", "server", 40000, "PSH,ACK", 10001, 1, 500, record.Delivered)
	last.SentAt += time.Second
	s.run.Events[len(s.run.Events)-1].At += time.Second
	return &s.run
}
