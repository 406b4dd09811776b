package lab_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// tell runs a story as a lab without claims of its own, and once more where the
// machine has held it up: what it shows then is no evidence. What the story does to
// the test's variables it does anew.
func tell(t *testing.T, o lab.Options, story func(*lab.Script), claims ...lab.Claim) (r *record.Run) {
	t.Helper()
	for range labtest.Attempts {
		if r = tellOnce(t, o, story, claims...); r.Late == nil {
			break
		}
	}
	return r
}

// tellOnce is tell for a story that may be late.
func tellOnce(t *testing.T, o lab.Options, story func(*lab.Script), claims ...lab.Claim) *record.Run {
	t.Helper()
	if o.Patience == 0 {
		o.Patience = 5 * time.Second
	}
	return labtest.Run(t, &lab.Lab{Name: "test", Title: "A test", Claims: claims, Script: story}, o)
}

// established tells the beginning of most stories.
func established(s *lab.Script) (client, server *lab.Sock) {
	listener := s.Server.Listen(80, 4)
	client = s.Client.Connect(listener)
	s.Wire.Handshake(client)
	return client, listener.Accept()
}

func TestWireWords(t *testing.T) {
	for name, family := range map[string]bool{"ipv4": false, "ipv6": true} {
		t.Run(name, func(t *testing.T) {
			var read, dup, inFlight string
			r := tell(t, lab.Options{IPv6: family}, func(s *lab.Script) {
				client, server := established(s)
				lab.Set(client, sockopt.NoDelay, true)
				client.Write("one")
				client.Write("two")
				first, second := s.Wire.Next("PSH,ACK"), s.Wire.Next("client:PSH,ACK")
				inFlight = s.Wire.Waiting(s.Client)
				first.Hold()
				second.Deliver() // out of order
				if _, outcome := server.TryRead(); outcome != "EAGAIN" {
					t.Errorf("data that has a hole before it was read: %s", outcome)
				}
				s.Wire.Next("server:ACK").Drop()
				first.Deliver()
				read = server.Read()
				first.Deliver() // a copy
				dup = s.Wire.Waiting(s.Server)
			})
			if r.Error != "" {
				t.Fatal(r.Error)
			}
			if read != "onetwo" || inFlight != "nothing" || !strings.HasSuffix(dup, "ACK") {
				t.Errorf("read %q, in flight %s, after a copy %s", read, inFlight, dup)
			}
			var fates []string
			for _, e := range r.Events {
				if s, ok := e.Body.(*record.Segment); ok && (s.Len > 0 || s.Fate != record.Delivered) {
					fates = append(fates, fmt.Sprintf("%s %d %s", s.Flags, s.Seq, s.Fate))
				}
			}
			want := "PSH,ACK 1 held; PSH,ACK 4 delivered; ACK 1 dropped; PSH,ACK 1 delivered; PSH,ACK 1 injected"
			if got := strings.Join(fates, "; "); got != want {
				t.Errorf("fates\n got %s\nwant %s", got, want)
			}
		})
	}
}

// A socket that is gone is told apart from one that never was.
func TestGoneAndNever(t *testing.T) {
	var before, after, never string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client := s.Client.Socket()
		client.Bind(s.Client.Addr(40000))
		client.Connect(s.Server.Addr(81)) // where nobody listens
		never = client.Peer().State()
		before = client.State()
		s.Wire.Next("SYN").Deliver()
		s.Wire.Next("RST,ACK").Deliver()
		after = client.State()
	})
	if r.Error != "" || never != "none" || before != record.SynSent || after != record.Close {
		t.Errorf("never %s, before %s, after %s %s", never, before, after, r.Error)
	}
}

// A lost SYN is sent again by the kernel's timer, and the record says so.
func TestRetransmission(t *testing.T) {
	t.Parallel()
	var waits []record.Wait
	r := tell(t, lab.Options{OnWait: func(w record.Wait) { waits = append(waits, w) }}, func(s *lab.Script) {
		waits = nil
		client := s.Client.Connect(s.Server.Listen(80, 1))
		s.Wire.Next("SYN").Drop()
		again := s.Wire.Of(client).Retransmission("client:SYN")
		again.Deliver()
		if !again.Again {
			t.Error("it is not known for a retransmission")
		}
	})
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	if len(waits) != 2 || waits[0].Timer != "retransmit" || waits[0].WaitedMS != 0 || waits[1].WaitedMS < waits[0].LeftMS {
		t.Errorf("waits %+v: want one that is announced and one that lasted as long as was left", waits)
	}
	for _, e := range r.Events {
		if s, ok := e.Body.(*record.Segment); ok && s.Flags == "SYN" && s.Retransmission != (s.Fate == record.Delivered) {
			t.Errorf("SYN %+v", s)
		}
	}
}

// What goes wrong in a story is said, and proves nothing.
func TestBroken(t *testing.T) {
	t.Parallel()
	claim := lab.Claim{ID: "it-is", Text: "It is.", Source: "here"}
	yes := func(s *lab.Script) { s.Expect("it-is", lab.Is("it", true, true)) }
	for name, test := range map[string]struct {
		story func(*lab.Script)
		want  string
	}{
		"no such segment": {func(s *lab.Script) { established(s); s.Wire.Next("server:FIN,ACK") }, "wire: no server:FIN,ACK came; on the wire: client: nothing; server: nothing"},
		"no such flag":    {func(s *lab.Script) { s.Wire.Next("SIN") }, `segment "SIN": no flag is called "SIN"; there are FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, and several are joined as SYN,ACK; a segment with data is data`},
		"unexpected errno": {func(s *lab.Script) { s.Server.Listen(80, 1); s.Server.Listen(80, 1) },
			"server: bind(4): EADDRINUSE"},
		"nothing to accept":   {func(s *lab.Script) { s.Server.Listen(80, 1).Accept() }, "server: accept(3): EAGAIN; on the wire: client: nothing; server: nothing"},
		"unjudged":            {func(s *lab.Script) {}, "claim it-is was not judged"},
		"judged twice":        {func(s *lab.Script) { yes(s); yes(s) }, "claim it-is was judged twice"},
		"unknown claim":       {func(s *lab.Script) { s.Expect("nonsense", lab.Is("it", 1, 1)) }, "claim nonsense: the lab has none of that name"},
		"nothing checked":     {func(s *lab.Script) { s.Expect("it-is", lab.Seen("it", 1)) }, "claim it-is: nothing was checked"},
		"ended its goroutine": {func(s *lab.Script) { yes(s); runtime.Goexit() }, "the story ended its goroutine"},
		"closed": {func(s *lab.Script) {
			listener := s.Server.Listen(80, 1)
			listener.Close()
			s.Client.Socket() // may get the number
			listener.Accept()
		}, "server: accept(3): bad file descriptor"},
		"panicked":       {func(*lab.Script) { panic("a mistake") }, "the story panicked: a mistake"},
		"no such socket": {func(s *lab.Script) { s.Sock("late") }, `the story has no socket that it calls "late"`},
		"wire of no connection": {
			func(s *lab.Script) { s.Wire.Of(s.Client.Socket()) },
			"wire: client: descriptor 3 is not connected",
		},
		"retransmission where nobody is connected": {
			func(s *lab.Script) { s.Wire.Retransmission("client:SYN") },
			"wire: timer of the sender of client:SYN: no such sender has a connection",
		},
		"retransmission of one of two": {
			func(s *lab.Script) {
				listener := s.Server.Listen(80, 1)
				s.Client.Connect(listener)
				s.Client.Connect(listener)
				s.Wire.Retransmission("client:SYN")
			},
			"wire: timer of the sender of client:SYN: of which connection? Of says it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tell(t, lab.Options{Patience: 50 * time.Millisecond}, test.story, claim)
			if r.Outcome != record.Broken || complaint(r) != test.want {
				t.Errorf("outcome %s: %s\nwant broken: %s", r.Outcome, r.Error, test.want)
			}
			if c := r.Claims[0]; c.Verdict != record.VerdictBroken || c.Surprise || c.Reason == "" {
				t.Errorf("the claim is %s, a surprise: %t, because %q", c.Verdict, c.Surprise, c.Reason)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	claims := []lab.Claim{
		{ID: "fact", Text: "A fact.", Source: "here"},
		{ID: "myth", Text: "A myth.", Source: "there", Myth: true, Truth: "Something else."},
		{ID: "lacking", Text: "It lacks.", Source: "nowhere"},
		{ID: "never", Text: "No part of this run.", Source: "nowhere", When: func(lab.Args) bool { return false }},
	}
	for name, test := range map[string]struct {
		fact, myth int
		want       record.Outcome
	}{
		"as expected":      {1, 2, record.Expected},
		"a fact refuted":   {2, 2, record.Surprise},
		"a myth confirmed": {1, 1, record.Surprise},
	} {
		t.Run(name, func(t *testing.T) {
			r := tell(t, lab.Options{}, func(s *lab.Script) {
				s.Expect("fact", lab.Is("n", test.fact, 1), lab.Seen("by the way", "x"))
				s.Expect("myth", lab.AtLeast("n", 2-test.myth, 1))
				s.Inapplicable("there is none", "lacking")
			}, claims...)
			if r.Outcome != test.want || len(r.Claims) != 3 || r.Claims[2].Verdict != record.Inapplicable {
				t.Errorf("outcome %s (%s), claims %+v; want %s", r.Outcome, r.Error, r.Claims, test.want)
			}
		})
	}
}

// Sysctls are set for the side that is named, and recorded as read back.
func TestSysctls(t *testing.T) {
	parse := func(text string) lab.Sysctl {
		s, err := lab.ParseSysctl(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	r := tell(t, lab.Options{Sysctls: []lab.Sysctl{
		parse("net.ipv4.tcp_fin_timeout=7"), parse("client:net.ipv4.tcp_fin_timeout=8"), parse("server:net.ipv4.tcp_rmem=4096\t5000 6000"),
	}}, func(s *lab.Script) {
		if n := s.Client.Sysctl("net.ipv4.tcp_fin_timeout"); n != 8 {
			t.Errorf("the client has %d", n)
		}
	})
	sysctls := r.Environment.Sysctls
	if c, s, rmem := sysctls["client"]["net.ipv4.tcp_fin_timeout"], sysctls["server"]["net.ipv4.tcp_fin_timeout"], sysctls["server"]["net.ipv4.tcp_rmem"]; c != "8" || s != "7" || rmem != "4096 5000 6000" {
		t.Errorf("client %s, server %s, rmem %s", c, s, rmem)
	}
}

// Where a host may not keep the time-wait sockets of a story, there is no story.
func TestTimeWaits(t *testing.T) {
	for value, told := range map[string]bool{"0": false, "1": false, "2": true, "-1": true} {
		room, err := lab.ParseSysctl("server:net.ipv4.tcp_max_tw_buckets=" + value)
		if err != nil {
			t.Fatal(err)
		}
		l := &lab.Lab{
			Name: "test", Title: "A test", TimeWaits: 2,
			Claims: []lab.Claim{{ID: "fact", Text: "A fact.", Source: "here"}},
			Script: func(s *lab.Script) { s.Expect("fact", lab.Is("n", 1, 1)) },
		}
		r := labtest.Run(t, l, lab.Options{Sysctls: []lab.Sysctl{room}})
		if r.Outcome != record.Expected || (r.Claims[0].Verdict == record.Confirmed) != told {
			t.Errorf("%s: outcome %s, claim %s (%s)", value, r.Outcome, r.Claims[0].Verdict, r.Claims[0].Reason)
		}
	}
}

// Stories know segments by their names with ECN, too, and the record has the
// flags as they were.
func TestECN(t *testing.T) {
	ecn, err := lab.ParseSysctl("net.ipv4.tcp_ecn=1")
	if err != nil {
		t.Fatal(err)
	}
	r := tell(t, lab.Options{Sysctls: []lab.Sysctl{ecn}}, func(s *lab.Script) {
		client := s.Client.Connect(s.Server.Listen(80, 1))
		syn := s.Wire.Next("SYN")
		if syn.Flags != "SYN" || syn.Again {
			t.Errorf("the first SYN is %s, again %t", syn.Flags, syn.Again)
		}
		syn.Deliver()
		if waiting := s.Wire.Waiting(s.Server); waiting != "SYN,ACK" {
			t.Errorf("the server sends %s", waiting)
		}
		s.Wire.Next("SYN,ACK").Deliver()
		if state := client.State(); state != record.Established {
			t.Errorf("the client is %s", state)
		}
	})
	var flags []string
	for _, e := range r.Events {
		if s, ok := e.Body.(*record.Segment); ok {
			flags = append(flags, s.Flags)
		}
	}
	if got, want := strings.Join(flags, " "), "SYN,ECE,CWR SYN,ACK,ECE"; got != want {
		t.Errorf("recorded %s, want %s", got, want)
	}
}

// An interrupted run ends at once, in a wait as between two calls.
func TestInterrupted(t *testing.T) {
	for name, busy := range map[string]bool{"waiting": false, "busy": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			claim := func(id string) lab.Claim { return lab.Claim{ID: id, Text: "It is.", Source: "here"} }
			l := &lab.Lab{Name: "test", Claims: []lab.Claim{claim("it-is"), claim("so-is-this")}, Script: func(s *lab.Script) {
				listener := s.Server.Listen(80, 1)
				s.Expect("it-is", lab.Is("it", true, true))
				cancel()
				for busy {
					listener.TryAccept()
				}
				s.Wire.Next("SYN")
			}}
			r, err := lab.Run(ctx, l, lab.Options{})
			labtest.SkipIfMissing(t, err)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			// What was judged by then stands, and nothing is said of the rest.
			if r == nil || r.Outcome != record.Interrupted || r.Error != "" || len(r.Claims) != 1 || r.Claims[0].Verdict != record.Confirmed {
				t.Errorf("record %+v", r)
			}
		})
	}
}

// Runs share nothing: side by side they see what they see alone. They leave no
// descriptor, no goroutine and no thread behind.
func TestSideBySide(t *testing.T) {
	run := func() string {
		return labtest.Picture(t, tell(t, lab.Options{}, func(s *lab.Script) {
			client, server := established(s)
			client.Write("hello")
			s.Wire.Next("PSH,ACK").Deliver()
			server.Read()
			server.Close()
			s.Wire.Next("FIN,ACK").Deliver()
		}))
	}
	alone := run()
	before := count(t)
	for range 5 {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if got := run(); got != alone {
					t.Errorf("side by side:\n%s\nalone:\n%s", got, alone)
				}
			})
		}
		all.Wait()
	}
	leftNothing(t, before)
}

// leftNothing wants no more open than before.
func leftNothing(t *testing.T, before held) {
	t.Helper()
	// A thread is gone a moment after its goroutine.
	for until := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		after := count(t)
		if after.descriptors <= before.descriptors && after.goroutines <= before.goroutines && after.strays <= before.strays {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("%+v before, %+v after", before, after)
		}
	}
}

// held is what this process holds.
type held struct{ descriptors, goroutines, strays int }

// count counts descriptors, goroutines, and the threads that are in another
// network namespace. (The runtime keeps some threads that are idle, the more the
// busier it was. They are where they were.)
func count(t *testing.T) held {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	threads, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	strays := 0
	for _, file := range threads {
		if now, err := os.Readlink(file); err == nil && now != home { // it may end meanwhile
			strays++
		}
	}
	return held{len(files), runtime.NumGoroutine(), strays}
}

// A forged reset is what the receiver expects next, and a control can lose it.
func TestReset(t *testing.T) {
	claim := lab.Claim{ID: "it-is", Text: "It is.", Source: "here"}
	for name, test := range map[string]struct {
		control *lab.Control
		want    string
	}{
		"delivered": {nil, record.Close},
		"lost":      {&lab.Control{Segment: "client:RST"}, record.CloseWait},
	} {
		t.Run(name, func(t *testing.T) {
			r := tell(t, lab.Options{Control: test.control}, func(s *lab.Script) {
				client, server := established(s)
				client.Close()
				fin := s.Wire.Next("FIN,ACK")
				fin.Deliver()
				reset := fin.Reset()
				reset.Deliver()
				s.Expect("it-is", lab.Is("server", server.State(), test.want), lab.Is("seq", reset.Seq, fin.Seq+1))
			}, claim)
			if r.Outcome != record.Expected {
				t.Errorf("%s: %v", r.Error, r.Claims)
			}
		})
	}
}
