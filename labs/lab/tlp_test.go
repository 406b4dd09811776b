package lab_test

import (
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
)

// A host sends tail loss probes with 3 and 4, and TCP_INFO says what the kernel
// knows of a connection.
func TestProbesTail(t *testing.T) {
	for value, want := range map[string]bool{"0": false, "2": false, "3": true, "4": true} {
		setting, err := lab.ParseSysctl("client:net.ipv4.tcp_early_retrans=" + value)
		if err != nil {
			t.Fatal(err)
		}
		var probes bool
		var cwnd uint32
		r := tell(t, lab.Options{Sysctls: []lab.Sysctl{setting}}, func(s *lab.Script) {
			client, _ := s.Connection()
			probes, cwnd = s.Client.ProbesTail(), client.Info().SndCwnd
		})
		if r.Error != "" || probes != want || cwnd != 10 {
			t.Errorf("%s: probes %v, cwnd %d: %s", value, probes, cwnd, r.Error)
		}
	}
}
