package coverage

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

func run(lab string, events ...record.Body) *record.Run {
	r := &record.Run{Lab: lab, Outcome: record.Expected}
	r.Environment.Kernel = "6.18.44-test"
	for _, e := range events {
		r.Events = append(r.Events, record.Event{Body: e})
	}
	return r
}

var (
	here  = netip.MustParseAddrPort("192.0.2.1:40000")
	there = netip.MustParseAddrPort("192.0.2.2:80")
)

func state(from, to string, held bool) *record.State {
	return &record.State{Host: "client", Local: here, Remote: there, From: from, To: to, Descriptor: held}
}

func call(name, errno string, args ...string) *record.Call {
	return &record.Call{Host: "client", Call: name, Args: args, Errno: errno}
}

func segment(flags string, fate record.Fate) *record.Segment {
	return &record.Segment{From: "server", To: "client", Flags: flags, Fate: fate}
}

// labsOf returns the labs that have witnessed an item.
func labsOf(t *testing.T, c *Coverage, name string) []string {
	t.Helper()
	for _, p := range c.Parts {
		for _, i := range p.Items {
			if i.Name == name {
				if (len(i.Labs) == 0) != (i.Why != "") {
					t.Errorf("%s: labs %v, reason %q: want one of them", name, i.Labs, i.Why)
				}
				return i.Labs
			}
		}
	}
	t.Errorf("there is no item %q", name)
	return nil
}

func TestOf(t *testing.T) {
	refused := run("refused",
		call("connect", "EINPROGRESS", "3", "192.0.2.2:80"), state("", synSent, true),
		segment("RST,ACK", record.Dropped), segment("RST,ACK", record.Delivered), state(synSent, gone, true),
		call("getsockopt", "", "3", "SOL_SOCKET", "SO_ERROR", "[ECONNREFUSED]"))
	closed := run("closed",
		state("", synRecv, false), segment("ACK", record.Delivered), state(synRecv, established, false),
		call("sysctl", "", "net.ipv4.tcp_orphan_retries=1"), call("close", "", "3"), state(established, finWait1, true),
		&record.Wait{Host: "client"}, state(finWait1, gone, false))
	closed.Counters = map[string]map[string]int64{"client": {"TCPTimeouts": 2, "TCPLossProbes": 0}, "server": {"TCPLossProbes": 0}}
	broken := run("broken", state("", listen, true))
	broken.Outcome = record.Broken
	c := Of([]*record.Run{refused, closed, closed, broken}, func(lab string) []string {
		if lab == "refused" {
			return []string{"net.ipv4.tcp_sack"}
		}
		return nil
	})
	for name, want := range map[string][]string{
		"CLOSED → SYN-SENT":               {"refused"},
		"SYN-SENT → CLOSED, by RST":       {"refused"},
		"SYN-SENT → CLOSED":               nil, // that is by the program
		"LISTEN → SYN-RECEIVED":           {"closed"},
		"SYN-RECEIVED → ESTABLISHED":      {"closed"},
		"FIN_WAIT1 → CLOSE, by a timer":   {"closed"},
		"FIN_WAIT1 → CLOSE, by a segment": nil,
		"CLOSED → LISTEN":                 nil, // a broken run proves nothing
		"connect: EINPROGRESS":            {"refused"},
		"connect: ECONNREFUSED":           {"refused"},
		"accept: EMFILE":                  nil,
		"SO_ERROR":                        {"refused"},
		"TCP_NODELAY":                     nil,
		"tcp_sack":                        {"refused"},
		"tcp_orphan_retries":              {"closed"},
		"tcp_mem":                         nil,
		"TCPTimeouts":                     {"closed"},
		"TCPLossProbes":                   nil,
	} {
		if got := labsOf(t, c, name); !slices.Equal(got, want) {
			t.Errorf("%s: witnessed by %v, want %v", name, got, want)
		}
	}
	if !slices.Equal(c.Kernels, []string{"6.18.44"}) {
		t.Errorf("kernels %v", c.Kernels)
	}
}

// A half-open connection that ends and a simultaneous open that does are two things.
func TestRequestsAndCrossedOnes(t *testing.T) {
	half := run("half", state("", synRecv, false), &record.Wait{Host: "client"}, state(synRecv, gone, false))
	both := run("both", state(synSent, synRecv, true), segment("RST", record.Delivered), state(synRecv, gone, true))
	c := Of([]*record.Run{half, both}, func(string) []string { return nil })
	for name, want := range map[string]string{
		"SYN_RECV → gone, by a timer":         "half",
		"SYN_RECV → CLOSE, simultaneous open": "both",
	} {
		if got := labsOf(t, c, name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
}

// Names are unique in their part, and each reason is of some item.
func TestCandidates(t *testing.T) {
	for _, p := range parts() {
		seen := map[string]bool{}
		for _, k := range p.candidates {
			if seen[k.name] || k.name == "" {
				t.Errorf("%s: %q stands there twice", p.title, k.name)
			}
			seen[k.name] = true
		}
	}
	for _, table := range []struct {
		whys       []why
		candidates []candidate
		before     string
	}{{sysctlWhys, sysctlCandidates(), "tcp_"}, {optionWhys, optionCandidates(), ""}, {counterWhys, counterCandidates(), ""}} {
		for _, w := range table.whys {
			for _, n := range strings.Fields(w.names) {
				n = table.before + n
				if !slices.ContainsFunc(table.candidates, func(k candidate) bool {
					return k.name == n || strings.HasSuffix(n, "*") && strings.HasPrefix(k.name, n[:len(n)-1])
				}) {
					t.Errorf("%s: a reason for what there is not", n)
				}
			}
		}
	}
}

// The kept coverage lists what there is to be witnessed, all of it.
func TestKept(t *testing.T) {
	k, err := Kept()
	if err != nil {
		t.Fatal(err)
	}
	now := Of(nil, nil)
	if len(k.Parts) != len(now.Parts) {
		t.Fatalf("%d parts are kept, and there are %d; `make coverage`", len(k.Parts), len(now.Parts))
	}
	for n, p := range now.Parts {
		for i, item := range p.Items {
			if kept := k.Parts[n].Items; i >= len(kept) || kept[i].Name != item.Name || kept[i].Says != item.Says {
				t.Fatalf("%s: %s is not kept; `make coverage`", p.Title, item.Name)
			}
			if kept := k.Parts[n].Items[i]; len(kept.Labs) == 0 && kept.Why != item.Why {
				t.Errorf("%s: the reason %q is kept, and it is %q; `make coverage`", item.Name, kept.Why, item.Why)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := Of([]*record.Run{run("a", state("", synSent, true))}, func(string) []string { return nil }).JSON(&b); err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(b.Bytes(), &d); err != nil || d.Schema != Schema || len(d.Parts) == 0 || d.Parts[0].Witnessed() != 1 {
		t.Errorf("%v; %.200s", err, b.String())
	}
}

// The table fits its width.
func TestText(t *testing.T) {
	k, err := Kept()
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{80, 100} {
		var b bytes.Buffer
		if err := k.Text(&b, width); err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(b.String()) {
			if n := len([]rune(strings.TrimRight(l, "\n"))); n > width || strings.TrimRight(l, " \n") != strings.TrimRight(l, "\n") {
				t.Errorf("%d columns, or a space at the end: %q", n, l)
			}
		}
	}
}
