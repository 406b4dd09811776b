package segment

import (
	"strings"
	"testing"
)

// The names are a contract: see docs/json.md.
func TestFlags(t *testing.T) {
	for _, test := range []struct {
		flags Flags
		text  string
	}{
		{SYN, "SYN"},
		{SYN | ACK, "SYN,ACK"},
		{ACK, "ACK"},
		{PSH | ACK, "PSH,ACK"},
		{FIN | ACK, "FIN,ACK"},
		{FIN | PSH | ACK, "FIN,PSH,ACK"},
		{RST, "RST"},
		{RST | ACK, "RST,ACK"},
		{0, "NONE"},
		{SYN | ECE | CWR, "SYN,ECE,CWR"},
		{FIN | SYN | RST | PSH | ACK | URG | ECE | CWR, "FIN,SYN,RST,PSH,ACK,URG,ECE,CWR"},
	} {
		if got := test.flags.String(); got != test.text {
			t.Errorf("Flags(%#x).String() = %q, want %q", uint8(test.flags), got, test.text)
		}
		if got, err := ParseFlags(test.text); err != nil || got != test.flags {
			t.Errorf("ParseFlags(%q) = %#x, %v, want %#x", test.text, uint8(got), err, uint8(test.flags))
		}
	}
}

func TestFlagsRoundTrip(t *testing.T) {
	for i := range 256 {
		f := Flags(i)
		if got, err := ParseFlags(f.String()); err != nil || got != f {
			t.Errorf("ParseFlags(%q) = %#x, %v, want %#x", f, uint8(got), err, i)
		}
	}
}

func TestParseFlagsAnyOrder(t *testing.T) {
	if got, err := ParseFlags("ACK,SYN"); err != nil || got != SYN|ACK {
		t.Errorf("ParseFlags(ACK,SYN) = %v, %v", got, err)
	}
}

func TestParseFlagsRefuses(t *testing.T) {
	for _, text := range []string{"", "syn", "SYN,", ",ACK", "SYN ACK", "SYN, ACK", "NONE,ACK", "XMAS"} {
		_, err := ParseFlags(text)
		if err == nil {
			t.Errorf("ParseFlags(%q) is no error", text)
		} else if !strings.Contains(err.Error(), text) {
			t.Errorf("ParseFlags(%q): %v; want the text in it", text, err)
		}
	}
}
