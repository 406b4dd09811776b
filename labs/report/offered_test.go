package report

import (
	"net/netip"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

// A window is in bytes: shifted as both SYNs have agreed on, and not in a SYN. Data that
// offers what was offered before says nothing of it.
func TestOffered(t *testing.T) {
	client, server := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:80")
	up := func(flags, options string, win uint16, n int) *record.Segment {
		return &record.Segment{Src: client, Dst: server, Flags: flags, Options: options, Win: win, Len: n}
	}
	down := func(flags, options string, win uint16, n int) *record.Segment {
		return &record.Segment{Src: server, Dst: client, Flags: flags, Options: options, Win: win, Len: n}
	}
	const scales = "mss 1460,nop,wscale 7"
	for name, test := range map[string][]struct {
		segment *record.Segment
		want    string
	}{
		"both scale": {
			{up("SYN", scales, 64240, 0), "win=64240"},
			{down("SYN,ACK", scales, 65160, 0), "win=65160"},
			{up("ACK", "", 502, 0), "win=64256"},
			{up("PSH,ACK", "", 502, 5), ""},
			{down("ACK", "", 510, 0), "win=65280"},
			{down("ACK", "", 510, 0), "win=65280"},
			{down("PSH,ACK", "", 35, 5), "win=4480"},
			{down("RST", "", 0, 0), ""},
		},
		"the server does not": {
			{up("SYN", scales, 64240, 0), "win=64240"},
			{down("SYN,ACK", "mss 1460", 65160, 0), "win=65160"},
			{up("ACK", "", 64240, 0), "win=64240"},
			{down("ACK", "", 510, 0), "win=510"},
		},
	} {
		o := offered{}
		for i, s := range test {
			if got := o.word(s.segment); got != s.want {
				t.Errorf("%s: %d: %q, want %q", name, i, got, s.want)
			}
		}
	}
}
