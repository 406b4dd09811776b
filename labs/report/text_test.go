package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
