package report

import (
	"slices"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

// Every counter that is shown is explained, and one that means a drop is shown.
func TestCounterMeans(t *testing.T) {
	for _, name := range dropping {
		if !slices.Contains(telling, name) {
			t.Errorf("%s means a drop, and is not shown", name)
		}
	}
	for name := range counterMeans {
		if !slices.Contains(telling, name) && name != failedCookies {
			t.Errorf("%s is explained, and is not shown", name)
		}
	}
}

// Every reason that the labs' kernel gives is explained (seen on Linux 6.18).
func TestReasonMeans(t *testing.T) {
	for _, reason := range []string{
		"INVALID_SYN", "NO_SOCKET", "TCP_ABORT_ON_CLOSE", "TCP_ABORT_ON_DATA", "TCP_FLAGS", "TCP_INVALID_SYN",
		"TCP_LISTEN_OVERFLOW", "TCP_OLD_DATA", "TCP_RFC7323_TW_PAWS", "TCP_STATE", "TCP_TIMEWAIT_SOCKET",
	} {
		if reasonMeans[reason] == "" {
			t.Errorf("nothing says what %s means", reason)
		}
	}
}

// A segment that has changed a state was taken in, whatever else is counted.
func TestDropped(t *testing.T) {
	drops := []count{{"server", "ListenDrops +1", []string{"ListenDrops"}}}
	arrives := &record.Segment{Fate: record.Delivered}
	for name, test := range map[string]struct {
		row  row
		want string
	}{
		"a counter rises":           {row{host: "server", segment: arrives, counts: drops}, "dropped by the server"},
		"another host's":            {row{host: "client", segment: arrives, counts: drops}, ""},
		"a state changes":           {row{host: "server", segment: arrives, counts: drops, states: []string{"CLOSE"}}, ""},
		"it is lost":                {row{host: "server", segment: &record.Segment{Fate: record.Dropped}, counts: drops}, ""},
		"the kernel says so":        {row{host: "server", segment: arrives, kernel: []string{"kernel: drops it: TCP_OLD_DATA"}}, "dropped by the server"},
		"there is no socket for it": {row{host: "server", segment: arrives, kernel: []string{"kernel: drops it: NO_SOCKET"}}, ""},
		"a call":                    {row{host: "server", counts: drops}, ""},
	} {
		if got := test.row.dropped(); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
