package free

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

// With Fast the hosts send bursts, and all else is as it was: rules act, what they forge
// is obeyed, and what is recorded has checksums.
func TestFast(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		client []string
		rules  []string
		expect []string
		ipv6   bool
	}{
		{"IPv4", own("get", "http://server/3000000"), nil, []string{"client exits 0"}, false},
		{"IPv6", own("get", "http://server/3000000"), nil, []string{"client exits 0"}, true},
		{"a burst is lost", own("get", "http://server/3000000"), []string{"drop server:data#3"}, []string{"client exits 0", "server:data again seen"}, false},
		{"a burst comes twice", own("get", "http://server/3000000"), []string{"duplicate server:data#3"}, []string{"client exits 0"}, false},
		{"a RST is forged", own("get", "http://server/3000000"), []string{"reset server:data#5"}, []string{"client exits 1", "client is gone at end", "server is gone at end"}, false},
		{"a RST is forged on IPv6", own("get", "http://server/3000000"), []string{"reset server:data#5"}, []string{"client exits 1", "client is gone at end", "server is gone at end"}, true},
		{"UDP and ICMP", own("udp"), nil, []string{"client exits 0"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := runs(t, Options{
				Server: ownServer("http"), Client: test.client, Port: 80, Fast: true, IPv6: test.ipv6,
				Rules: rules(t, test.rules...), Expect: expectations(t, test.expect...),
			})
			held(t, r)
			longest := 0
			for _, e := range r.Events {
				if s, ok := e.Body.(*record.Segment); ok {
					longest = max(longest, s.Len)
					whole := bytes.Clone(s.Raw)
					if segment.SetSum(whole); !bytes.Equal(whole, s.Raw) {
						t.Errorf("%s %s of %d bytes is recorded with a wrong checksum", s.From, s.Flags, s.Len)
					}
				}
			}
			const mss = 1460
			if test.client[2] == "get" && longest <= mss {
				t.Errorf("no burst is recorded: the longest segment has %d bytes", longest)
			}
		})
	}
}

// With Fast a receive buffer has room for many bursts, or the sender would wait until each
// has been read. What the user sets wins.
func TestFastBuffers(t *testing.T) {
	t.Parallel()
	const key = "net.ipv4.tcp_rmem"
	for name, test := range map[string]struct {
		o    Options
		want string
	}{
		"fast":             {Options{Fast: true}, "4096 1048576 6291456"},
		"plain":            {Options{}, "4096 131072 6291456"},
		"fast, and set":    {Options{Fast: true, Sysctls: []Sysctl{{"", key, "4096 200000 6291456"}}}, "4096 200000 6291456"},
		"fast, one is set": {Options{Fast: true, Sysctls: []Sysctl{{Server, key, "4096 200000 6291456"}}}, "4096 1048576 6291456"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.o.Client = []string{"true"}
			if got := strings.Join(strings.Fields(runs(t, test.o).Environment.Sysctls[Client][key]), " "); got != test.want {
				t.Errorf("the client's %s is %q, want %q", key, got, test.want)
			}
		})
	}
}

// Nothing is lost that no rule loses, however much there is of it.
func TestNothingLost(t *testing.T) {
	t.Parallel()
	const runsEach, size = 10, 20_000_000
	for name, fast := range map[string]bool{"plain": false, "fast": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range runsEach {
				r := runs(t, Options{
					Server: ownServer("http"), Client: own("get", "http://server/"+strconv.Itoa(size)), Port: 80, Fast: fast,
					Expect: expectations(t, "client exits 0"),
				})
				held(t, r)
				for host, c := range r.Counters {
					// A gap before what has come. A kernel whose program is too slow may
					// make one itself, by dropping what it has no room for.
					own := c["TCPBacklogDrop"] + c["TCPRcvQDrop"] + c["RcvPruned"]
					if gaps := c["TCPOFOQueue"]; gaps > 0 && own == 0 {
						t.Errorf("the %s lacked something before %d segments: %v", host, gaps, c)
					}
				}
				if lost := slices.DeleteFunc(segments(r), func(s string) bool { return !strings.HasSuffix(s, " dropped") }); len(lost) > 0 {
					t.Errorf("lost: %v", lost)
				}
			}
		})
	}
}

// What a host's interface has no room for is lost without anybody having asked for it:
// then the run is no evidence.
func TestUnaskedLoss(t *testing.T) {
	t.Parallel()
	needs(t, "ip")
	r, err := Run(t.Context(), Options{
		Server: ownServer("take"), Timeout: time.Minute, Wait: time.Minute,
		Client: []string{"sh", "-c", "ip link set wire0 txqueuelen 1 && exec " + ownServer("send", "40000", "40000")},
		Expect: expectations(t, "client exits 0"),
	})
	labtest.SkipIfMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
	if r.Outcome != record.Broken || !strings.Contains(r.Error, "wire0 has lost") || r.Claims[0].Verdict != record.VerdictBroken {
		t.Errorf("outcome %s, %s; %s", r.Outcome, r.Error, r.Claims[0].Verdict)
	}
}
