package pattern_test

import (
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs/internal/pattern"
	"github.com/tcplab/tcplab/labs/internal/segment"
)

func TestMatches(t *testing.T) {
	const ack = segment.ACK
	syn := pattern.Segment{From: "client", Flags: segment.SYN}
	ecnSYN := pattern.Segment{From: "client", Flags: segment.SYN | segment.ECE | segment.CWR}
	pure := pattern.Segment{From: "server", Flags: ack, Seq: 1, Ack: 6, Win: 500}
	sack := pattern.Segment{From: "server", Flags: ack, Options: options(t, "nop,nop,sack 1 {5:9}"), WScale: -1}
	offer := pattern.Segment{From: "client", Flags: segment.SYN, Options: options(t, "mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7"), MSS: 1460, WScale: 7}
	pushed := pattern.Segment{From: "client", Flags: ack | segment.PSH, Seq: 1, Ack: 1, Len: 5}
	bulk := pattern.Segment{From: "client", Flags: ack, Seq: 1449, Ack: 1, Len: 1448}
	again := pattern.Segment{From: "client", Flags: segment.FIN | ack, Again: true}
	for _, test := range []struct {
		pattern string
		matches []pattern.Segment
		not     []pattern.Segment
	}{
		{"SYN", []pattern.Segment{syn, ecnSYN}, []pattern.Segment{pure}},
		{"server:SYN", nil, []pattern.Segment{syn}},
		{"SYN,ECE,CWR", []pattern.Segment{ecnSYN}, []pattern.Segment{syn}},
		{"ACK", []pattern.Segment{pure, sack}, []pattern.Segment{pushed, bulk, again}},
		{"ACK data", []pattern.Segment{bulk}, []pattern.Segment{pure, pushed}},
		{"ACK len=1448", []pattern.Segment{bulk}, []pattern.Segment{pure}},
		{"ACK sack", []pattern.Segment{sack}, []pattern.Segment{pure}},
		{"SYN mss wscale", []pattern.Segment{offer}, []pattern.Segment{syn}},
		{"SYN TS sackOK", []pattern.Segment{offer}, []pattern.Segment{syn}},
		{"SYN mss=1460 wscale=0-7", []pattern.Segment{offer}, []pattern.Segment{syn}},
		{"SYN mss=0-1459", nil, []pattern.Segment{offer, syn}},
		{"SYN tfo", nil, []pattern.Segment{offer, syn}},
		{"data", []pattern.Segment{pushed, bulk}, []pattern.Segment{pure, syn}},
		{"client:data seq=1449", []pattern.Segment{bulk}, []pattern.Segment{pushed}},
		{"data len=1-100", []pattern.Segment{pushed}, []pattern.Segment{bulk}},
		{"PSH,ACK", []pattern.Segment{pushed}, []pattern.Segment{bulk, pure}},
		{"ACK ack=6 win=500", []pattern.Segment{pure}, []pattern.Segment{sack}},
		{"FIN,ACK again#2", []pattern.Segment{again}, nil},
	} {
		p, err := pattern.Parse(test.pattern)
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		for _, s := range test.matches {
			if !p.Matches(s) {
				t.Errorf("%s does not match %+v", test.pattern, s)
			}
		}
		for _, s := range test.not {
			if p.Matches(s) {
				t.Errorf("%s matches %+v", test.pattern, s)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "want flags",
		"client:":            `no flag is called ""`,
		"SYN+ACK":            `no flag is called "SYN+ACK"`,
		"ACK seq=x":          "seq=x: want a number",
		"ACK seq=9-1":        "seq=9-1: want a number",
		"ACK seq=4294967296": "want a number from 0 to 4294967295",
		"ACK#0":              "#0: want #1 or more",
		"ACK please":         "please: want seq=N",
		"SYN TS=5":           "TS=5: want seq=N",
		"SYN mss=many":       "mss=many: want a number",
	} {
		if _, err := pattern.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

func options(t *testing.T, text string) []byte {
	t.Helper()
	list, err := segment.ParseOptions(text)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What is read is written so that it is read as the same again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"client:SYN#1", "data seq=1-9 #2", "ACK data len=0 again sack win=7", "SYN mss=1-9 TS mss wscale", "NONE"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := pattern.Parse(text)
		if err != nil {
			return
		}
		again, err := pattern.Parse(p.String())
		if err != nil || again != p {
			t.Errorf("%q: %+v is written %q, which is read as %+v, %v", text, p, p.String(), again, err)
		}
	})
}
