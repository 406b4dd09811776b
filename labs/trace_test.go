package labs_test

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

// A change is one of a socket's state.
type change struct{ from, to string }

// The two witnesses speak of different things in these cases and no others. Each
// must come up in some lab, or it is no case.
var (
	// unsaid are the changes that inet_diag sees and the kernel's account does not
	// have: what changes is a mini-socket, and the account is of full ones.
	unsaid = map[change]string{
		{"", record.SynRecv}:               "a SYN makes a request, not yet a socket",
		{record.SynRecv, record.Close}:     "a request that expires, or is reset, was no socket",
		{record.FinWait2, record.TimeWait}: "the FIN finds a mini-socket already",
		{record.FinWait2, record.Close}:    "a mini-socket's time is up, or it is reset",
		{record.TimeWait, record.Close}:    "a mini-socket is taken away, or its time is up",
		{record.TimeWait, record.SynRecv}:  "a mini-socket makes room for a new connection's request",
	}
	// unseen are the changes that the kernel's account has and inet_diag does not
	// see: they are over before the segment or the call is that the next look
	// follows, or are a full socket's, of which a mini-socket stays.
	unseen = map[change]string{
		{record.Listen, record.SynRecv}:      "the copy of the listener is ESTABLISHED before the ACK is dealt with",
		{record.SynRecv, record.Established}: "the segment that completes the handshake has a FIN itself",
		{record.FinWait1, record.FinWait2}:   "the segment that acknowledges the FIN has a FIN itself",
		{record.FinWait2, record.Close}:      "a mini-socket takes over, and is in FIN_WAIT2 still",
		{record.Close, record.Close}:         "a listener that SOCK_DESTROY ends is set to CLOSE twice (tcp_abort, tcp_done)",
		{record.FinWait2, record.FinWait2}:   "close sets the state that the socket is in (tcp_close_state)",
		{record.Close, record.SynSent}:       "connect sets the state, and then finds no port (tcp_v4_connect)",
		{record.SynSent, record.Close}:       "connect has found no port",
	}
	// renamed are the changes that each witness calls otherwise, to what in the
	// kernel's account: a mini-socket takes over, so the full one ends.
	renamed = map[change]string{
		{record.FinWait1, record.TimeWait}: "FIN_WAIT2 is passed through, then a mini-socket takes over",
		{record.FinWait2, record.TimeWait}: "a mini-socket takes over when the FIN comes",
		{record.Closing, record.TimeWait}:  "a mini-socket takes over when the ACK comes",
	}
)

// used notes which cases have come up.
type used struct {
	sync.Mutex
	cases map[string]bool
}

func (u *used) has(table map[change]string, name string, c change) bool {
	_, ok := table[c]
	if ok {
		u.Lock()
		u.cases[fmt.Sprint(name, c)] = true
		u.Unlock()
	}
	return ok
}

// Every lab, with both witnesses, on IPv4 and IPv6, several side by side, with the
// same addresses and ports: each state change that inet_diag saw is in the
// kernel's account in the same order, and what only one of them has is in the
// tables above. What was sent again, and every reset, is in the account too. Being
// watched changes nothing of the picture.
func TestTrace(t *testing.T) {
	t.Parallel()
	labtest.Run(t, labs.All()[0], lab.Options{Trace: true}) // skips the test where there is no privilege
	u, h := &used{cases: map[string]bool{}}, &heard{events: map[string]bool{}}
	var all gathered
	turns := make(chan struct{}, 8*runtime.GOMAXPROCS(0)) // tracing takes time: a story must not be held up for 200 ms
	t.Run("labs", func(t *testing.T) {                    // returns when all in it have ended
		for _, o := range []lab.Options{{Trace: true}, {Trace: true, IPv6: true}} {
			for _, l := range labs.All() {
				name := l.Name
				if o.IPv6 {
					name += "-ipv6"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					golden := goldenLadder(t, name)
					r := labtest.Punctual(t, golden, func() *record.Run {
						turns <- struct{}{}
						defer func() { <-turns }()
						return labtest.Run(t, l, o)
					})
					if r.Outcome != record.Expected {
						t.Errorf("outcome is %s: %s", r.Outcome, r.Error)
					}
					all.add(r)
					inOrder(t, r)
					for socket, events := range bySocket(r) {
						compare(t, u, socket, events)
					}
					sameActs(t, r)
					samePicture(t, r, golden)
					h.add(r)
				})
			}
		}
	})
	stillWitnessed(t, all.runs)
	for event, ok := range h.events {
		if !ok {
			t.Errorf("no lab has %s in the kernel's account", event)
		}
	}
	for name, table := range map[string]map[change]string{"unsaid": unsaid, "unseen": unseen, "renamed": renamed} {
		for c, why := range table {
			if !u.cases[fmt.Sprint(name, c)] {
				t.Errorf("%s: no lab has %v (%s)", name, c, why)
			}
		}
	}
}

// heard notes of which tracepoints some run had anything to tell.
type heard struct {
	sync.Mutex
	events map[string]bool
}

func (h *heard) add(r *record.Run) {
	_, said := acts(r)
	h.Lock()
	defer h.Unlock()
	for _, event := range r.Environment.Trace {
		h.events[event] = h.events[event] || said.of(event)
	}
}

// goldenLadder returns the file of a golden ladder.
func goldenLadder(t *testing.T, name string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("*", "testdata", name+".ladder"))
	if err != nil || len(files) != 1 {
		t.Fatalf("golden ladders of %s: %v %v", name, files, err)
	}
	return files[0]
}

// inOrder checks that the account has been put where its times are.
func inOrder(t *testing.T, r *record.Run) {
	t.Helper()
	if !slices.IsSortedFunc(r.Events, func(a, b record.Event) int { return int(a.At - b.At) }) {
		t.Error("the events are not in the order of time")
	}
}

// bySocket returns each socket's states, as both witnesses tell them. The kernel's
// account has the ports and no addresses, so it is left out what has both ports in
// common with another socket. So is the passive end of a connection on loopback: its
// segments come in softirqs, where the account can't know whose socket that is.
func bySocket(r *record.Run) map[string][]record.Body {
	sockets, addresses := map[string][]record.Body{}, map[string][2]netip.AddrPort{}
	left, bound := map[string]bool{}, map[string]bool{}
	for _, e := range r.Events {
		switch v := e.Body.(type) {
		case *record.State:
			name, a := v.Host+" "+v.Socket, [2]netip.AddrPort{v.Local, v.Remote}
			if known, ok := addresses[name]; ok && known != a {
				left[name] = true
			}
			if v.Local.Addr().IsLoopback() && strings.Contains(v.Socket, "<-") {
				left[name] = true
			}
			addresses[name] = a
			sockets[name] = append(sockets[name], v)
		case *record.Call:
			if v.Call == "bind" && v.Errno == "" {
				name := fmt.Sprintf("%s :%d", v.Host, netip.MustParseAddrPort(v.Args[1]).Port())
				left[name] = left[name] || bound[name]
				bound[name] = true
			}
		case *record.Kernel:
			if v.Event == record.SetState {
				sockets[v.Host+" "+v.Socket] = append(sockets[v.Host+" "+v.Socket], v)
			}
		}
	}
	maps.DeleteFunc(sockets, func(name string, _ []record.Body) bool { return left[name] })
	return sockets
}

// compare holds one witness against the other.
func compare(t *testing.T, u *used, socket string, events []record.Body) {
	t.Helper()
	var said []change // by the kernel, since inet_diag was asked last
	last := record.Close
	for _, e := range events {
		switch v := e.(type) {
		case *record.Kernel:
			copied := v.From == record.Listen && last == record.Close
			if v.From != last && !copied {
				t.Errorf("%s: the kernel's account goes from %s to %s, and before that to %s", socket, v.From, v.To, last)
			}
			last = v.To
			said = append(said, change{v.From, v.To})
		case *record.State:
			if v.From != v.To {
				account(t, u, socket, change{v.From, v.To}, said)
				said = nil
			}
		}
	}
	onlySaid(t, u, socket, said)
}

// account accounts for a change that inet_diag saw by what the kernel has said
// since the last one.
func account(t *testing.T, u *used, socket string, seen change, said []change) {
	t.Helper()
	is := func(to string) int {
		for i, c := range slices.Backward(said) {
			if c.to == to {
				return i
			}
		}
		return -1
	}
	i := slices.Index(said, seen)
	if i < 0 {
		i = is(seen.to)
	}
	if i < 0 && is(record.Close) >= 0 && u.has(renamed, "renamed", seen) {
		i = is(record.Close)
	}
	if i < 0 {
		if !u.has(unsaid, "unsaid", seen) {
			t.Errorf("%s: inet_diag saw %v, and the kernel's account has %v", socket, seen, said)
		}
		onlySaid(t, u, socket, said)
		return
	}
	onlySaid(t, u, socket, slices.Delete(said, i, i+1))
}

func onlySaid(t *testing.T, u *used, socket string, said []change) {
	t.Helper()
	for _, c := range said {
		if !u.has(unseen, "unseen", c) {
			t.Errorf("%s: inet_diag did not see %v", socket, c)
		}
	}
}

// samePicture holds the run, without the second witness, against the ladder of a
// run that had none.
func samePicture(t *testing.T, r *record.Run, golden string) {
	t.Helper()
	blind := *r
	blind.Environment.Trace, blind.Environment.TraceLacks = nil, nil
	blind.Events = slices.DeleteFunc(slices.Clone(r.Events), func(e record.Event) bool {
		_, ok := e.Body.(*record.Kernel)
		return ok
	})
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), labtest.Picture(t, &blind)); diff != "" {
		t.Errorf("traced, %s differs (-golden +got):\n%s", golden, diff)
	}
}
