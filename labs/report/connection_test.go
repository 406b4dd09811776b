package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/record"
)

func TestConnectionOf(t *testing.T) {
	a, b := netip.MustParseAddrPort("192.0.2.1:80"), netip.MustParseAddrPort("192.0.2.2:80")
	if connectionOf(a, b) != connectionOf(b, a) {
		t.Error("it matters which end is asked")
	}
	if connectionOf(a, b) == connectionOf(a, a) {
		t.Error("a socket connected to itself is another connection")
	}
	if mapped := netip.MustParseAddrPort("[::ffff:192.0.2.1]:80"); connectionOf(mapped, b) != connectionOf(a, b) {
		t.Error("an address of IPv4 that a socket of IPv6 has is another one")
	}
}

func TestTags(t *testing.T) {
	for _, test := range []struct {
		name  string
		pairs string // "local remote", as the left host sees it, or as it is
		want  string
	}{
		{"one", "192.0.2.1:40000 192.0.2.2:80", ""},
		{"two", "192.0.2.1:40000 192.0.2.2:80, 192.0.2.1:40001 192.0.2.2:80", "40000 40001"},
		{"the server's port is higher", "192.0.2.1:1024 192.0.2.2:8080, 192.0.2.1:1025 192.0.2.2:8080", "1024 1025"},
		{"the right host began", "192.0.2.2:40000 192.0.2.1:80, 192.0.2.2:40001 192.0.2.1:81", "80 81"},
		{"one port on the left", "192.0.2.1:40000 192.0.2.2:80, 192.0.2.1:40000 192.0.2.2:81", "40000>80 40000>81"},
		{"only two of three alike", "192.0.2.1:1 192.0.2.2:80, 192.0.2.1:1 192.0.2.2:81, 192.0.2.1:2 192.0.2.2:80", "1>80 1>81 2"},
		{"two addresses on the right", "192.0.2.1:1 192.0.2.2:80, 192.0.2.1:1 192.0.2.3:80", "1>192.0.2.2:80 1>192.0.2.3:80"},
		{"two addresses on the left", "192.0.2.1:1 192.0.2.2:80, 192.0.2.4:1 192.0.2.2:80", "192.0.2.1:1>192.0.2.2:80 192.0.2.4:1>192.0.2.2:80"},
		{"connected to itself", "192.0.2.1:80 192.0.2.1:80, 192.0.2.2:81 192.0.2.2:81", "80 81"},
		{"on one host", "192.0.2.1:40000 192.0.2.1:80, 192.0.2.2:40001 192.0.2.2:80", "40000 40001"},
		{"of no host", "198.51.100.1:40000 198.51.100.2:80, 198.51.100.1:40001 198.51.100.2:80", "40000 40001"},
	} {
		r := &record.Run{Environment: record.Environment{Hosts: []record.Host{
			{Name: "left", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.4")}},
			{Name: "a right one", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")}},
		}}}
		var segments []*record.Segment
		for _, pair := range strings.Split(test.pairs, ", ") {
			local, remote, _ := strings.Cut(pair, " ")
			s := &record.State{Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote)}
			r.Events = append(r.Events, record.Event{Body: s})
			segments = append(segments, &record.Segment{Src: s.Remote, Dst: s.Local})
		}
		r.Events = append(r.Events, record.Event{Body: &record.State{Local: netip.MustParseAddrPort("192.0.2.2:80"), To: record.Listen}})
		tags := newTags(r, false)
		var got []string
		for _, s := range segments {
			got = append(got, tags.ofSegment(s))
		}
		if want := strings.Split(test.want, " "); tags.many != (test.want != "") || tags.many && !slices.Equal(got, want) {
			t.Errorf("%s: %q (many %t), want %q", test.name, got, tags.many, test.want)
		}
	}
}

// What the kernel says has the name of a socket, and no addresses.
func TestTagOfName(t *testing.T) {
	at := func(port uint16, last byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), port)
	}
	r := &record.Run{Environment: record.Environment{Hosts: []record.Host{{Name: "left", Addresses: []netip.Addr{at(0, 1).Addr()}}}}}
	for _, s := range []record.State{
		{Local: at(40000, 1), Remote: at(80, 2)}, {Local: at(40001, 1), Remote: at(80, 2)},
		{Local: at(7, 1), Remote: at(80, 2)}, {Local: at(7, 1), Remote: at(80, 3)},
	} {
		r.Events = append(r.Events, record.Event{Body: &s})
	}
	tags := newTags(r, false)
	for name, want := range map[string]string{
		"40000->80": "40000", "80<-40001": "40001", "7->80": "7>80", "80<-7": "7>80",
		"40002->80": "40002->80", ":80": ":80", "": "", "x->y": "x->y", "70000->80": "70000->80",
	} {
		if got := tags.ofName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// Two sockets with the same ports and other addresses are two.
func TestSocketsByAddress(t *testing.T) {
	s := tell("A host with two addresses", "client", "server")
	second := netip.MustParseAddr("192.0.2.22")
	s.run.Environment.Hosts[1].Addresses = append(s.run.Environment.Hosts[1].Addresses, second)
	s.connect(40000)
	s.state("client", "40000->80", "", record.SynSent, func(v *record.State) { v.Remote = netip.AddrPortFrom(second, 80) })
	s.segment("server", "client", 40000, "RST,ACK", 0, 1, 0, record.Delivered)
	s.state("client", "40000->80", record.SynSent, record.Close)
	v := s.segment("server", "client", 40000, "RST,ACK", 0, 1, 0, record.Delivered)
	v.Src = netip.AddrPortFrom(second, 80)
	steps := Steps(&s.run, with)
	for i, want := range map[int]string{len(steps) - 2: record.Close, len(steps) - 1: record.SynSent} {
		if got := steps[i].Ends[0].State; got != want {
			t.Errorf("step %d (%s): the client is %s, want %s", i, steps[i].Says, got, want)
		}
	}
}

// A listener of all addresses is met by a segment to any of them.
func TestListenerOfAll(t *testing.T) {
	for _, address := range []string{"0.0.0.0:80", "[::]:80", "192.0.2.2:80"} {
		s := tell("It listens", "client", "server")
		s.state("server", ":80", "", record.Listen, func(v *record.State) { v.Local = netip.MustParseAddrPort(address) })
		s.segment("client", "server", 40000, "ACK", 1, 1, 0, record.Delivered)
		if got := ladderOf(t, &s.run); !strings.Contains(got, "(still LISTEN)") {
			t.Errorf("%s:\n%s", address, got)
		}
	}
}

// A row with very many states takes moments; it once took the square of them,
// which would be minutes here.
func TestManyStates(t *testing.T) {
	s := tell("One socket", "client", "server")
	for i := range 100_000 {
		from, to := record.Established, record.CloseWait
		if i%2 > 0 {
			from, to = to, from
		}
		s.add(&record.State{
			Host: "client", Socket: "40000->80", Local: s.at("client", 40000), Remote: s.at("server", 80), From: from, To: to,
		})
	}
	rows := stepRows(&s.run, Options{})
	want := End{Host: "client", Socket: "40000->80", State: record.Established, From: record.CloseWait, Detail: "waits for accept", SS: "ESTAB 0 0 192.0.2.1:40000 192.0.2.2:80"}
	if len(rows) != 1 || rows[0].ends[0] != want {
		t.Errorf("%d rows; the client's end is %+v, want %+v", len(rows), rows[0].ends[0], want)
	}
}

func TestCausesSay(t *testing.T) {
	said := strings.Join(sayings(causes()), "\n")
	for _, text := range []string{
		"The client's PSH,ACK with 1460 bytes of data, sent again because its timer ran out, arrives at the server.",
		"of data, sent again because acknowledgements showed that it was lost (fast retransmit), arrives at the server.",
		"The client's ACK, sent again because what it answers came again, arrives at the server.",
		"of data, sent as a tail loss probe (TLP), arrives at the server.",
		"of data, sent again as a tail loss probe (TLP), arrives at the server.",
		"The client's ACK, sent again as a keepalive probe, arrives at the server.",
		"The client's ACK, sent as a window probe, arrives at the server.",
		"The client's FIN,ACK, sent again, arrives at the server.",
	} {
		if !strings.Contains(said, text) {
			t.Errorf("nothing says %q:\n%s", text, said)
		}
	}
	_, packets := opened(t, captured(t, causes(), Both))
	var comments []string
	for _, p := range packets {
		if p.Comments[0][:4] == "sent" {
			comments = append(comments, strings.SplitN(p.Comments[0], ". ", 2)[0])
		}
	}
	want := []string{
		"sent, delivered", "sent, delivered", "sent, delivered",
		"sent again because its timer ran out, delivered",
		"sent again because acknowledgements showed that it was lost (fast retransmit), delivered",
		"sent again because after a timeout all that was on its way counts as lost, and an acknowledgement lets it go again (slow start), delivered",
		"sent again because an ICMP message said that it was too big, delivered",
		"sent again because the SYN,ACK did not acknowledge the SYN's data, delivered",
		"sent again because what it answers came again, delivered",
		"sent as a tail loss probe (TLP), delivered", "sent again as a tail loss probe (TLP), delivered",
		"sent again as a keepalive probe, delivered", "sent as a window probe, delivered", "sent again, delivered",
		"sent again because what it answers came again, delivered", "sent again as a keepalive probe, delivered",
		"sent because acknowledgements showed that it was lost (fast retransmit), lost on the wire",
		"sent, delivered", "sent when the delayed-ACK timer ran out, delivered",
	}
	if diff := cmp.Diff(want, comments); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
}

func TestCountsSay(t *testing.T) {
	said := strings.Join(sayings(counts()), "\n")
	for _, text := range []string{
		"The client's kernel counts TCPOFODrop +1.\n",
		"The client's SYN arrives at the server. The server's kernel drops it. The server's kernel counts ListenDrops +2, ListenOverflows +1 (the accept queue is full).\n",
		"The server's kernel answers it with a SYN cookie, and keeps nothing of it. The server's kernel counts SyncookiesSent +1, TCPReqQFullDoCookies +2 (the SYN,ACK carries a cookie; too many half-open connections).\n",
		"The client's SYN, sent again because its timer ran out, is lost on its way to the server. The client's kernel counts TCPACKSkippedSeq +2, TCPAbortOnTimeout +1 (the kernel has given up).\n",
		"is gone (it was ESTABLISHED). The client's kernel counts TCPAbortOnClose +1 (a program has closed with data unread).\n",
	} {
		if !strings.Contains(said, text) {
			t.Errorf("nothing says %q:\n%s", text, said)
		}
	}
	_, packets := opened(t, captured(t, counts(), Both))
	var comments []string
	for _, p := range packets {
		if _, rose, ok := strings.Cut(p.Comments[0], "kernel counts "); ok {
			comments = append(comments, fmt.Sprintf("%s %d: %s", p.host, *p.PacketID, rose))
		}
	}
	want := []string{
		"client 4: ListenDrops +2, ListenOverflows +1 (the accept queue is full)", "server 4: ListenDrops +2, ListenOverflows +1 (the accept queue is full)",
		"client 5: TCPACKSkippedSeq +2, TCPAbortOnTimeout +1 (the kernel has given up)",
		"client 6: TCPAbortOnTimeout +1 (the kernel has given up). The server's kernel counts TCPReqQFullDoCookies +1 (too many half-open connections)",
		"server 6: TCPAbortOnTimeout +1 (the kernel has given up). The server's kernel counts TCPReqQFullDoCookies +1 (too many half-open connections)",
		"client 7: SyncookiesSent +1, TCPReqQFullDoCookies +2 (the SYN,ACK carries a cookie; too many half-open connections)",
		"server 7: SyncookiesSent +1, TCPReqQFullDoCookies +2 (the SYN,ACK carries a cookie; too many half-open connections)",
		"server 9: PAWSEstab +1 (a timestamp is too old)", "client 9: PAWSEstab +1 (a timestamp is too old)",
		"client 10: SyncookiesRecv +1 (the ACK carries the cookie)", "server 10: SyncookiesRecv +1 (the ACK carries the cookie)",
		"server 11: SyncookiesFailed +1 (the ACK carries no cookie of this kernel's)",
	}
	if diff := cmp.Diff(want, comments); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
}

// A row that differs in a counter is not folded away.
func TestCountsFold(t *testing.T) {
	s := tell("Once it is counted", "client", "server")
	for i := range 9 {
		s.fails("server", "accept", "EAGAIN", "3")
		if i == 4 {
			s.add(&record.Counters{Host: "server", Rose: map[string]int64{"ListenDrops": 1}})
		}
	}
	if got := ladderOf(t, &s.run); strings.Count(got, "more like this") != 2 || !strings.Contains(got, "ListenDrops +1") {
		t.Error(got)
	}
}

func TestLateText(t *testing.T) {
	const after = "ran out. What was judged after that counts only where it agrees with the catalogue."
	for _, test := range []struct {
		change func(*record.Run)
		want   string
	}{
		{func(r *record.Run) {}, "This run was held up for 3012 ms before server: close(4); meanwhile the client's retransmit timer " + after},
		{func(r *record.Run) { r.HeldUp.Before = "client: read(3)" }, "This run was held up for at least 2800 ms before server: close(4); meanwhile the client's retransmit timer " + after},
		{func(r *record.Run) { r.Late.Timer = "delack" }, "This run was held up for 3012 ms before server: close(4); meanwhile the client's delayed-ACK timer " + after},
		{func(r *record.Run) { r.Late.Timer = "7" }, "This run was held up for 3012 ms before server: close(4); meanwhile the client's timer 7 " + after},
		{func(r *record.Run) { r.Late.Timer, r.Late.Before, r.Late.By = "", "", 0 }, "This run was held up; meanwhile the client's timer " + after},
		{func(r *record.Run) { r.Late = nil }, ""},
	} {
		r := late()
		test.change(r)
		if got := lateText(r, true); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
