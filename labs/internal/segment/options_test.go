package segment

import (
	"bytes"
	"strings"
	"testing"
)

func TestParseOptions(t *testing.T) {
	for _, test := range []struct{ text, bytes string }{
		{"", ""},
		{"nop", "01000000"},
		{"mss 1460", "020405b4"},
		{"mss 1460,nop,wscale 7,sackOK,TS val 1 ecr 2", "020405b4 01 030307 0402 080a0000000100000002"},
		{"nop,nop,sack 1 {1:2}", "0101 050a0000000100000002"},
		{"nop,nop,sack 2 {1:6}{4294967295:2}", "0101 05120000000100000006ffffffff00000002"},
		{"unknown-34 0x,eol", "22020000"},
		{"tfo cookie 0123", "22040123"},
		{"md5 000102030405060708090a0b0c0d0e0f,nop", "1312000102030405060708090a0b0c0d0e0f 01 00"},
		{"unknown-19 0x05", "13030500"},
		{"unknown-2 0x05", "02030500"},
		{"eol,nop", "00010000"},
	} {
		got, err := ParseOptions(test.text)
		if err != nil || !bytes.Equal(got, unhex(t, test.bytes)) {
			t.Errorf("ParseOptions(%q) = %x, %v; want %s", test.text, got, err, test.bytes)
		}
	}
}

// The error names the word that is wrong.
func TestParseOptionsRefuses(t *testing.T) {
	for _, word := range []string{
		"", " ", "NOP", "nop ", "mss", "mss -1", "mss 65536", "mss 1 ", "wscale 256", "wscale x", "sackOK 1",
		"TS", "TS val 1", "TS val 1 ecr x", "TS val 1 ecr 4294967296", "TS  val 1 ecr 2",
		"sack", "sack 1", "sack 2 {1:2}", "sack 1 {1:2", "sack 1 1:2", "sack 1 {1}", "sack 1 {1:2}x", "sack 1 {:2}", "sack 01 {1:2}",
		"unknown-0 0x", "unknown-1 0x", "unknown-256 0x", "unknown-x 0x", "unknown-9", "unknown-9 0x1", "unknown-9 12",
		"md5", "md5 00", "md5 x",
		"unknown-9 0x" + strings.Repeat("00", 40), "sack 5 {1:2}{1:2}{1:2}{1:2}{1:2}",
	} {
		got, err := ParseOptions("nop," + word)
		if err == nil || !strings.Contains(err.Error(), `"`+word+`"`) {
			t.Errorf("ParseOptions(%q) = %x, %v", "nop,"+word, got, err)
		}
	}
}

// What a text is made of and what it is read as have the same text.
func FuzzOptions(f *testing.F) {
	f.Add(unhex(f, "020405b4 0402 080a0000006400000000 01 030307"))
	f.Add(unhex(f, "0101 05120000000100000006ffffffff00000002"))
	f.Add(unhex(f, "2202 220a0123456789abcdef"))
	f.Add(unhex(f, "1312000102030405060708090a0b0c0d0e0f 0101"))
	f.Add(unhex(f, "2202 0403ff 05020803ff 00 01"))
	f.Fuzz(func(t *testing.T, list []byte) {
		if len(list) > maxOptions {
			return
		}
		s := Segment{Options: list}
		text := s.OptionsText()
		got, err := ParseOptions(text)
		if err != nil {
			t.Fatal(err)
		}
		again := Segment{Options: got}
		// What can't be read as an option is read as the end of them.
		if got := strings.TrimSuffix(again.OptionsText(), ",eol"); got != strings.TrimSuffix(text, ",eol") {
			t.Errorf("%q is read as %q", text, got)
		}
	})
}
