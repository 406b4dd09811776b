package free

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// Each kind of rule does what it says: to the segments, to the states, and so to the
// programs.
func TestRules(t *testing.T) {
	t.Parallel()
	get := func(path string) []string { return own("get", "http://server/"+path) }
	for _, test := range []struct {
		rules  []string
		server string
		client []string
		expect []string
		has    []string
		// counters are the kernels' that rise: "client TCPOFOQueue".
		counters []string
		slow     time.Duration // the client takes that long at least
	}{
		{
			rules: []string{"drop server:SYN,ACK#1"}, server: ownServer("http"), client: get("10"),
			expect: []string{"client exits 0", "server:SYN,ACK#2 seen", "server was SYN_RECV"},
			has:    []string{"server:SYN,ACK dropped"}, slow: 900 * time.Millisecond,
		}, {
			rules: []string{"drop client:SYN wscale TS mss=1000-2000 #1"}, server: ownServer("http"), client: get("10"),
			expect: []string{"client exits 0", "client:SYN TS again seen"},
			has:    []string{"client:SYN dropped", "client:SYN again delivered"}, slow: 900 * time.Millisecond,
		}, {
			rules: []string{"hold client:FIN,ACK for 300ms"}, server: ownServer("take"), client: own("send", "5", "5"),
			expect: []string{"client exits 0", "client was FIN_WAIT1", "client was TIME_WAIT", "server is gone at end"},
			has:    []string{"client:FIN,ACK held", "client:FIN,ACK delivered"}, slow: 300 * time.Millisecond,
		}, {
			rules: []string{"hold server:data#1 until server:data#2"}, server: ownServer("give", "20", "10"), client: own("send", "1", "1"),
			expect: []string{"client exits 0", "client:ACK sack seen"}, counters: []string{"client TCPOFOQueue"},
			has: []string{"server:PSH,ACK data len=10 held"},
		}, {
			rules: []string{"reorder server:data#1"}, server: ownServer("give", "20", "10"), client: own("send", "1", "1"),
			expect: []string{"client exits 0", "client:ACK sack seen"}, counters: []string{"client TCPOFOQueue"},
		}, {
			rules: []string{"delay server:data#1 200ms"}, server: ownServer("give", "20", "10"), client: own("send", "1", "1"),
			expect: []string{"client exits 0"}, slow: 200 * time.Millisecond,
		}, {
			rules: []string{"duplicate client:data#1"}, server: ownServer("take"), client: own("send", "5", "5"),
			expect: []string{"client exits 0", "client was TIME_WAIT", "server:ACK sack seen"}, counters: []string{"server TCPDSACKOldSent"},
			has: []string{"client:PSH,ACK data len=5 delivered", "client:PSH,ACK data len=5 injected"},
		}, {
			rules: []string{"reset server:data#1"}, server: ownServer("http"), client: get("10"),
			expect: []string{"client exits 1", "client is gone at end", "server is gone at end", "server:SYN#1 not seen"},
			has:    []string{"server:RST forged injected", "client:RST forged injected"},
		}, {
			rules: []string{"reset client:SYN#1"}, server: ownServer("http"), client: own("send", "1", "1"),
			expect: []string{"client exits 1", "client is gone at end"},
			has:    []string{"server:RST,ACK forged injected"},
		}, {
			rules: []string{"reset after 3 data"}, server: ownServer("give", "100", "10"), client: own("send", "1", "1"),
			expect: []string{"client exits 1", "client is gone at end", "server is gone at end"},
		}, {
			rules: []string{"vanish server after client:data#1"}, server: ownServer("give", "100", "10"), client: own("quick", "1", "1"),
			expect: []string{"client exits 1", "client was FIN_WAIT1"},
			has:    []string{"server:ACK dropped"},
		}, {
			rules: []string{"delay both 30ms"}, server: ownServer("http"), client: get("10"),
			expect: []string{"client exits 0"}, slow: 4 * 30 * time.Millisecond,
		}, {
			rules: []string{"rate server 1mbit"}, server: ownServer("http"), client: get("50000"),
			expect: []string{"client exits 0"}, slow: 400 * time.Millisecond,
		}, {
			rules: []string{"loss both 5% seed 7"}, server: ownServer("http"), client: get("200000"),
			expect: []string{"client exits 0", "server:data again seen"}, counters: []string{"client TCPOFOQueue", "server RetransSegs"},
		}, { // nobody's any more: the kernel sends it again while the wire is still there
			rules: []string{"drop client:FIN,ACK#1"}, server: ownServer("take"), client: own("write", "5", "5"),
			expect: []string{"client exits 0", "server exits 0", "client:FIN,ACK again seen", "client was TIME_WAIT"},
			has:    []string{"client:FIN,ACK dropped", "client:FIN,ACK again delivered"},
		},
	} {
		t.Run(strings.Join(test.rules, "; "), func(t *testing.T) {
			t.Parallel()
			r := runs(t, Options{
				Server: test.server, Client: test.client, Port: 80,
				Rules: rules(t, test.rules...), Expect: expectations(t, test.expect...),
			})
			held(t, r)
			for _, want := range test.has {
				has(t, r, want)
			}
			for _, c := range test.counters {
				if host, name, _ := strings.Cut(c, " "); r.Counters[host][name] == 0 {
					t.Errorf("%s has not risen: %v", c, r.Counters[host])
				}
			}
			if took := clientTook(r); took < test.slow {
				t.Errorf("the client takes %v, want %v or more", took, test.slow)
			}
		})
	}
}

// clientTook is how long the client ran.
func clientTook(r *record.Run) time.Duration {
	var start, end time.Duration
	for _, e := range r.Events {
		if p, ok := e.Body.(*record.Program); ok && p.Host == Client {
			switch p.Does {
			case record.Starts:
				start = e.At
			case record.Exits:
				end = e.At
			}
		}
	}
	return end - start
}

// A client that does not end is stopped, and that it does not can be expected.
func TestTimeout(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ expect, failed string }{
		"unforeseen": {"client:SYN,ACK not seen", "the client has not ended after 3s"},
		"foreseen":   {"client runs at end", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runs(t, Options{
				Server: ownServer("hold"), Client: own("send", "1", "1"), Timeout: 3 * time.Second, Linger: -1,
				Expect: expectations(t, test.expect),
			})
			held(t, r)
			if failed := failure(r); failed != test.failed {
				t.Errorf("the record says %q, want %q", failed, test.failed)
			}
		})
	}
}

func failure(r *record.Run) string {
	failed := ""
	for _, e := range r.Events {
		if p, ok := e.Body.(*record.Program); ok && p.Does == record.Fails {
			failed = p.Why
		}
	}
	return failed
}

func TestBothFamilies(t *testing.T) {
	t.Parallel()
	for name, ipv6 := range map[string]bool{"IPv4": false, "IPv6": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runs(t, Options{
				Server: ownServer("http"), Client: own("get", "http://server/3000"), IPv6: ipv6,
				Expect: expectations(t, "client exits 0", "client:SYN,ACK not seen"),
			})
			held(t, r)
			if r.Environment.IPv6 != ipv6 || r.States != record.Live {
				t.Errorf("the record says IPv6 %t, states %s", r.Environment.IPv6, r.States)
			}
		})
	}
}

// A rule that never acts is a surprise, and the evidence has what was sent.
func TestUnusedRule(t *testing.T) {
	t.Parallel()
	r := runs(t, Options{Server: ownServer("take"), Client: own("send", "1", "1"), Rules: rules(t, "drop client:SYN,ACK")})
	if r.Outcome != record.Surprise || len(r.Claims) != 1 || r.Claims[0].Verdict != record.Refuted {
		t.Fatalf("outcome %s, claims %+v", r.Outcome, r.Claims)
	}
	if text := r.Claims[0].Evidence; len(text) != 2 || !strings.Contains(text[1].Value.(string), " client:SYN, ") || !strings.Contains(text[1].Value.(string), " client:data") {
		t.Errorf("evidence: %v", text)
	}
}

// What is nothing but data is counted and not told, and nothing of it is missing.
func TestBulk(t *testing.T) {
	t.Parallel()
	const size = 3_000_000
	for name, fold := range map[string]int{"folded": 0, "all": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runs(t, Options{
				Server: ownServer("http"), Client: own("get", "http://server/"+"3000000"), Fold: fold,
				Expect: expectations(t, "client exits 0"),
			})
			held(t, r)
			var told, counted int64
			for _, e := range r.Events {
				switch v := e.Body.(type) {
				case *record.Segment:
					if v.From == Server && !v.Retransmission {
						told += int64(v.Len)
					}
				case *record.Bulk:
					counted += v.Bytes
				}
			}
			if told+counted < size {
				t.Errorf("%d bytes are told and %d counted, of %d", told, counted, size)
			}
			if fold == 0 && told > size/2 || fold < 0 && counted > 0 {
				t.Errorf("%d bytes are told and %d counted", told, counted)
			}
		})
	}
}

// crash is a server that is killed while it has a connection.
var crash = ownServer("hold") + " & sleep 0.3; kill -SEGV $!; wait $!"

// Programs that do not do as they are expected to.
func TestOddPrograms(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, server string
		client       []string
		wait         time.Duration
		failed       string // what the record says of it, "" for nothing
		noted        string
	}{
		{"no server", "", []string{"true"}, 0, "", ""},
		{"the server crashes", crash, own("get", "http://server/crash"), 0, "the client's program has ended with 1", ""},
		{"the client fails", "", []string{"sh", "-c", "exit 5"}, 0, "the client's program has ended with 5", ""},
		{"the client is killed", "", []string{"sh", "-c", "kill -SEGV $$"}, 0, "the client's program has ended with SIGSEGV", ""},
		{"the server exits at once", "exit 3", []string{"true"}, 0, "the server has ended (3) before it listened on any port", ""},
		{"the server never listens", "sleep 1000", []string{"true"}, 200 * time.Millisecond, "the server does not listen on any port after 200ms; --wait 0 does not wait for that", ""},
		{"the server listens late", "sleep 0.2; " + ownServer("http"), own("get", "http://server/1"), 0, "", ""},
		{"the server becomes a daemon", ownServer("http") + " & exit 0", own("get", "http://server/1"), 0, "", ""},
		{"the server's daemon keeps the pipe", "setsid " + ownServer("http") + " & sleep 0.01", own("get", "http://server/1"), 0, "", ""},
		{"the server forks", ownServer("http") + "; true", own("get", "http://server/1"), 0, "", ""},
		{"the client reads what there is not", "", []string{"cat"}, 0, "", ""},
		{"UDP", "", own("udp"), 0, "", "1 packet of udp has passed untouched"},
		{"the server listens on localhost alone", ownServer("local"), own("refused"), 0, "", "loopback interface alone; it listens on 127.0.0.1:80"},
		{"the server listens on IPv4 alone", ownServer("local4"), own("refused"), 0, "", "the server listens on IPv4 alone; it listens on 0.0.0.0:80"},
		{"for nobody", "", own("nobody"), 0, "", "1 packet was lost that was for neither host"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := runs(t, Options{Server: test.server, Client: test.client, Wait: test.wait, IPv6: strings.Contains(test.server, "local4")})
			failed, notes := "", ""
			for _, e := range r.Events {
				switch v := e.Body.(type) {
				case *record.Program:
					if v.Does == record.Fails {
						failed = v.Why
					}
				case *record.Note:
					notes += v.Text + "\n"
				}
			}
			if !strings.Contains(notes, test.noted) {
				t.Errorf("the record notes %q, want %q", notes, test.noted)
			}
			if failed != test.failed {
				t.Errorf("the record says %q, want %q", failed, test.failed)
			}
		})
	}
}

// What a program writes is told line by line, and so is what has no end of line.
func TestOutput(t *testing.T) {
	t.Parallel()
	lines := make(chan string, 10)
	runs(t, Options{
		Client: []string{"sh", "-c", `printf 'one\r\ntwo\n'; printf err >&2`},
		Output: func(host, line string) { lines <- host + ": " + line },
	})
	close(lines)
	var got []string
	for l := range lines {
		got = append(got, l)
	}
	if want := []string{"client: one", "client: two", "client: err"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A segment that nothing lets go is told of. The client's program has ended by then,
// and its kernel goes on without it.
func TestHeldToTheEnd(t *testing.T) {
	t.Parallel()
	r := runs(t, Options{
		Server: ownServer("take"), Client: own("write", "1", "1"), Linger: 100 * time.Millisecond,
		Rules:  rules(t, "hold client:FIN,ACK#1 until client:SYN,ACK"),
		Expect: expectations(t, "client was FIN_WAIT1", "server was ESTABLISHED"),
	})
	held(t, r)
	if !slices.ContainsFunc(r.Events, func(e record.Event) bool {
		n, ok := e.Body.(*record.Note)
		return ok && strings.HasPrefix(n.Text, "1 segment was held to the end")
	}) {
		t.Error("it is not noted")
	}
}
