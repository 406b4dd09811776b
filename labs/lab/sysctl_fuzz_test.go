package lab_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
)

// What --sysctl takes is a side, a key and a value, and nothing is lost of it.
func FuzzParseSysctl(f *testing.F) {
	for _, text := range []string{
		"net.ipv4.tcp_syn_retries=1", "client:net.ipv4.tcp_rmem=1 2 3", "server:a=b=c", "=", "a=", ":a=b", "other:a=b", "a", "client:=b", "x\x00=y\x1b[2J",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := lab.ParseSysctl(text)
		if err != nil {
			if !errors.As(err, new(*lab.UsageError)) {
				t.Errorf("%q: %v is no UsageError", text, err)
			}
			return
		}
		again := s.Key + "=" + s.Value
		if s.Side != "" {
			again = s.Side + ":" + again
		}
		switch {
		case again != text:
			t.Errorf("%q was read as %q", text, again)
		case s.Side != "" && s.Side != "client" && s.Side != "server":
			t.Errorf("%q: side %q", text, s.Side)
		case s.Key == "" || s.Value == "" || strings.Contains(s.Key, "="):
			t.Errorf("%q: key %q, value %q", text, s.Key, s.Value)
		}
	})
}
