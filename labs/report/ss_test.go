package report

import (
	"net/netip"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

// The lines are those of ss -tano of iproute2 6.1, but for the spaces between columns.
func TestSS(t *testing.T) {
	at := func(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }
	here, there := at("192.0.2.1:40000"), at("192.0.2.2:80")
	for _, test := range []struct {
		socket record.State
		want   string
	}{
		{record.State{To: record.Listen, Local: there, RQueue: 1, WQueue: 16}, "LISTEN 1 16 192.0.2.2:80 0.0.0.0:*"},
		{record.State{To: record.Listen, Local: at("[2001:db8::2]:80"), WQueue: 16}, "LISTEN 0 16 [2001:db8::2]:80 [::]:*"},
		{record.State{To: record.Established, Local: here, Remote: there, RQueue: 5}, "ESTAB 5 0 192.0.2.1:40000 192.0.2.2:80"},
		{record.State{To: record.SynSent, Local: here, Remote: there, WQueue: 1, Timer: "retransmit", ExpiresMS: 1999, Retransmits: 1},
			"SYN-SENT 0 1 192.0.2.1:40000 192.0.2.2:80 timer:(on,1.999ms,1)"},
		{record.State{To: record.TimeWait, Local: here, Remote: there, Timer: "timewait", ExpiresMS: 59_996},
			"TIME-WAIT 0 0 192.0.2.1:40000 192.0.2.2:80 timer:(timewait,59sec,0)"},
		{record.State{To: record.FinWait2, Local: here, Remote: there, Timer: "4", ExpiresMS: 204}, "FIN-WAIT-2 0 0 192.0.2.1:40000 192.0.2.2:80 timer:(unknown,204ms,0)"},
		{record.State{To: record.Close, Local: here, Remote: there}, ""},
	} {
		if got := ssLine(&test.socket, true); got != test.want {
			t.Errorf("%s\nwant %s", got, test.want)
		}
	}
	s := record.State{To: record.SynSent, Local: here, Remote: there, WQueue: 1, Timer: "retransmit", ExpiresMS: 1999}
	if got, want := ssLine(&s, false), "SYN-SENT 0 1 192.0.2.1:40000 192.0.2.2:80 timer:(on,…,0)"; got != want {
		t.Errorf("without times: %s\nwant %s", got, want)
	}
	for ms, want := range map[int64]string{
		0: "", 7: "007ms", 1000: "1sec", 12_345: "12sec", 60_000: "1min", 119_000: "1min59sec", 659_000: "10min", 7_200_000: "120min",
	} {
		if got := ssTime(ms); got != want {
			t.Errorf("%d ms are %q, want %q", ms, got, want)
		}
	}
}

// Steps tell what has risen so far, on each host, and a segment's numbers on the wire.
func TestStepDetails(t *testing.T) {
	steps := Steps(counts(), with)
	last := steps[len(steps)-1].Ends
	for i, want := range []string{
		"PAWSEstab +1, TCPACKSkippedSeq +2, TCPAbortOnClose +1, TCPAbortOnTimeout +2, TCPOFODrop +1",
		"ListenDrops +2, ListenOverflows +1, SyncookiesFailed +2, SyncookiesRecv +1, SyncookiesSent +1, TCPAbortOnTimeout +1, TCPReqQFullDoCookies +3",
	} {
		if last[i].Rose != want {
			t.Errorf("%s: %s, want %s", last[i].Host, last[i].Rose, want)
		}
	}
	for _, s := range steps {
		if s.Segment != nil && s.Segment.Flags == "SYN,ACK" {
			if got, want := s.HeaderText(), "seq 1000 (ISN 1000), ack 1001 (ISN 1000), win 0"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			return
		}
	}
	t.Error("there is no SYN,ACK")
}

// A question does not give its answer away.
func TestAsks(t *testing.T) {
	for _, s := range Steps(handshake(), with) {
		switch {
		case s.Kind == PartStep && s.Asks != "":
			t.Errorf("a part asks %q", s.Asks)
		case s.Kind != PartStep && s.Asks == "":
			t.Errorf("nothing is asked before %q", s.Says)
		case s.Call != nil && s.Call.Call == "read" && s.Asks != "The server's program calls read on descriptor 4. What does the call return, and what changes?":
			t.Errorf("read asks %q", s.Asks)
		}
	}
}
