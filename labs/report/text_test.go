package report

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/record"
)

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 5, []string{""}},
		{"one", 5, []string{"one"}},
		{"one two", 7, []string{"one two"}},
		{"one two", 6, []string{"one", "two"}},
		{"one two", 3, []string{"one", "two"}},
		{"one two three", 9, []string{"one two", "three"}},
		{"sesquipedalian", 5, []string{"sesqu", "ipeda", "lian"}},
		{"a sesquipedalian", 5, []string{"a", "sesqu", "ipeda", "lian"}},
		{" = EAGAIN ", 20, []string{"= EAGAIN"}},
		// Spaces in what a program has written stay, but where a line breaks.
		{`write(3, "a  b", 4)`, 30, []string{`write(3, "a  b", 4)`}},
		{"one   two", 5, []string{"one", "two"}},
		{"SOCK_DESTROY(192.0.2.1:40000, 192.0.2.2:80)", 21, []string{"SOCK_DESTROY(", "192.0.2.1:40000,", "192.0.2.2:80)"}},
		{"[[::ffff:192.0.2.1]:40000])", 21, []string{"[[::ffff:192.0.2.1]", ":40000])"}},
		{"sack=4345-5793,1449-2897", 23, []string{"sack=4345-5793,", "1449-2897"}},
		{"TCPACKSkippedChallenge +1", 21, []string{"TCPACKSkipped", "Challenge +1"}},
		{"SO_ATTACH_REUSEPORT_CBPF", 21, []string{"SO_ATTACH_REUSEPORT_", "CBPF"}},
		{"äöü ß", 3, []string{"äöü", "ß"}},
		{"one", 0, []string{"o", "n", "e"}},
	} {
		if diff := cmp.Diff(test.want, wrap(test.text, test.width)); diff != "" {
			t.Errorf("wrap(%q, %d) (-want +got):\n%s", test.text, test.width, diff)
		}
	}
}

// A piece of evidence stands on one line with its name, where there is room.
func TestWrapList(t *testing.T) {
	items := []string{"closed = FIN_WAIT2; ", "its descriptor = no; ", "that one's descriptor = yes"}
	for _, test := range []struct {
		items []string
		width int
		want  []string
	}{
		{items, 80, []string{"closed = FIN_WAIT2; its descriptor = no; that one's descriptor = yes"}},
		{items, 60, []string{"closed = FIN_WAIT2; its descriptor = no;", "that one's descriptor = yes"}},
		{items, 40, []string{"closed = FIN_WAIT2; its descriptor = no;", "that one's descriptor = yes"}},
		{items, 39, []string{"closed = FIN_WAIT2;", "its descriptor = no;", "that one's descriptor = yes"}},
		{items, 12, []string{"closed =", "FIN_WAIT2;", "its", "descriptor =", "no;", "that one's", "descriptor =", "yes"}},
		{items[2:], 80, items[2:]},
	} {
		if diff := cmp.Diff(test.want, wrapList(test.items, test.width)); diff != "" {
			t.Errorf("wrapList(%q, %d) (-want +got):\n%s", test.items, test.width, diff)
		}
	}
}

// A record may hold anything, and a line of it must not take ages.
func TestWrapLong(t *testing.T) {
	if n := len(wrap(strings.Repeat("long ", 1<<18), 20)); n != 1<<16 {
		t.Errorf("%d lines", n)
	}
}

func TestClean(t *testing.T) {
	for _, test := range []struct{ text, want, ascii string }{
		{"plain text, 100 %", "plain text, 100 %", "plain text, 100 %"},
		{"RFC 9293 §3.5", "RFC 9293 §3.5", "RFC 9293 section 3.5"},
		{"SYN_SENT → SYN_RECV", "SYN_SENT → SYN_RECV", "SYN_SENT -> SYN_RECV"},
		{"“≥”", "“≥”", `">="`},
		{"naïve", "naïve", `na\u00efve`},
		{"\x1b[31m", `\x1b[31m`, `\x1b[31m`},
		{"a\r\n\tb\x00\x7f", `a\r\n\tb\x00\x7f`, `a\r\n\tb\x00\x7f`},
		{"\u009b1m\u00ad\u00a0", `\u009b1m\u00ad\u00a0`, `\u009b1m\u00ad\u00a0`},
		{"\u202e\u2066\u200b\u2028", `\u202e\u2066\u200b\u2028`, `\u202e\u2066\u200b\u2028`},
		{"e\u0301", `e\u0301`, `e\u0301`},
		{"日本 \u05d0", `\u65e5\u672c \u05d0`, `\u65e5\u672c \u05d0`},
		{"\xff", `\ufffd`, `\ufffd`},
		{"─ drawn", `\u2500 drawn`, `\u2500 drawn`}, // nobody draws lines but the ladder
	} {
		if got := (&printer{}).clean(test.text); got != test.want {
			t.Errorf("clean(%q) = %q, want %q", test.text, got, test.want)
		}
		if got := (&printer{ascii: true}).clean(test.text); got != test.ascii {
			t.Errorf("in ASCII: clean(%q) = %q, want %q", test.text, got, test.ascii)
		}
	}
}

func TestShorten(t *testing.T) {
	const label = "FIN,PSH,ACK seq=1 ack=1 len=5 again"
	for _, test := range []struct {
		room int
		want string
	}{
		{35, label},
		{34, "FIN,PSH,ACK seq=1 len=5 again"},
		{28, "FIN,PSH,ACK len=5 again"},
		{22, "FIN,PSH,ACK again"},
		{16, "FIN,PSH,ACK"},
		{7, "FIN,PSH"},
		{0, ""},
		{-1, ""},
	} {
		if got := shorten(label, test.room); got != test.want {
			t.Errorf("in %d columns: %q, want %q", test.room, got, test.want)
		}
	}
	for _, test := range []struct {
		label string
		room  int
		want  string
	}{
		{"SYN seq=0 again", 9, "SYN again"},
		{"ACK seq=0 ack=1 keepalive", 24, "ACK seq=0 keepalive"},
		{"ACK seq=0 ack=1 window probe", 16, "ACK window probe"},
		{"ACK seq=0 ack=1 window probe", 15, "ACK"},
		{"PSH,ACK seq=1 ack=1 len=5 fast retransmit", 23, "PSH,ACK fast retransmit"},
		{"PSH,ACK seq=1 ack=1 len=5 fast retransmit", 22, "PSH,ACK again"},
		{"PSH,ACK seq=1 ack=1 len=5 TLP", 10, "PSH,ACK"},
	} {
		if got := shorten(test.label, test.room); got != test.want {
			t.Errorf("%q in %d columns: %q, want %q", test.label, test.room, got, test.want)
		}
	}
}

// What an arrow has no room for stands below it, every number of it.
func TestMissing(t *testing.T) {
	for _, test := range []struct{ all, short, want string }{
		{"SYN,ACK seq=0 ack=1 again", "SYN,ACK ack=1 again", "seq=0"},
		{"PSH,ACK seq=1 ack=1 len=5", "PSH,ACK len=5", "seq=1 ack=1"},
		{"ACK ack=1", "ACK ack=1", ""},
	} {
		if got := missing(test.all, test.short); got != test.want {
			t.Errorf("missing(%q, %q) = %q, want %q", test.all, test.short, got, test.want)
		}
	}
}

// A myth that is refuted is what was to be shown, and is told apart from a claim that is.
func TestSummary(t *testing.T) {
	claim := func(myth bool, v record.Verdict) record.Claim {
		return record.Claim{Myth: myth, Verdict: v, Surprise: v.IsSurprise(myth)}
	}
	for want, claims := range map[string][]record.Claim{
		"test: 1 claim, 1 confirmed; no surprise":                  {claim(false, record.Confirmed)},
		"test: 2 claims, 1 confirmed, 1 myth refuted; no surprise": {claim(false, record.Confirmed), claim(true, record.Refuted)},
		"test: 3 claims, 1 refuted, 2 myths refuted; no surprise":  {claim(false, record.Refuted), claim(true, record.Refuted), claim(true, record.Refuted)},
	} {
		if got := summaryText(&record.Run{Lab: "test", Outcome: record.Expected, Claims: claims}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Where sockets listen on several ports, a tally says in whose queue a connection is.
func TestTallyOfSeveralListeners(t *testing.T) {
	at := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr("192.0.2.2"), port) }
	listener := func(port uint16) *record.State { return &record.State{Local: at(port), To: record.Listen} }
	of := func(states ...*record.State) map[socket]*record.State {
		all := map[socket]*record.State{}
		for i, s := range states {
			all[socket{local: s.Local, remote: at(uint16(40000 + i))}] = s
		}
		return all
	}
	queued := &record.State{Socket: "80<-40000", Local: at(80), To: record.Established}
	half := &record.State{Socket: "81<-40001", Local: at(81), To: record.SynRecv}
	held := &record.State{Socket: "80<-40002", Local: at(80), To: record.Established, Descriptor: true}
	if got, want := tallyOf(of(listener(80), queued, half, held)), "1 ESTABLISHED, 1 ESTABLISHED queued, 1 SYN_RECV"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := tallyOf(of(listener(80), listener(81), queued, half, held)), "1 ESTABLISHED, 1 ESTABLISHED queued at :80, 1 SYN_RECV at :81"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
