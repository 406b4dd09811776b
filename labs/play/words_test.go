package play_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/play"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// comesTrue tells a story and fails where it is not as it expects.
func comesTrue(t *testing.T, source string, claims int) {
	t.Helper()
	r := told(t, source, lab.Options{})
	if r.Outcome != record.Expected || len(r.Claims) != claims {
		t.Errorf("%s, %d claims: %s", r.Outcome, len(r.Claims), r.Error)
	}
	for _, c := range r.Claims {
		if c.Surprise {
			t.Errorf("%s: %s: %v", c.Source, c.Text, c.Evidence)
		}
	}
}

// Options have values of every kind, and refusals are outcomes.
func TestSocketOptions(t *testing.T) {
	t.Parallel()
	comesTrue(t, `
l = server.listen(80)
expect(setsockopt(l, "TCP_DEFER_ACCEPT", 4), OK)
expect(getsockopt(l, "TCP_DEFER_ACCEPT"), 7)
c = client.connect(l)
expect(getsockopt(c, "TCP_NODELAY"), 0)
expect(setsockopt(c, "TCP_NODELAY", 1), OK)
expect(getsockopt(c, "TCP_NODELAY"), True)
expect(getsockopt(c, "TCP_NODELAY"), 1)
expect(setsockopt(c, "TCP_MAXSEG", 40), "EINVAL")
expect(setsockopt(c, "SO_LINGER", on=True, seconds=0), OK)
expect(setsockopt(c, "SO_LINGER", {"on": True, "seconds": 5}), OK)
linger = getsockopt(c, "SO_LINGER")
expect(linger.seconds, 5)
expect(setsockopt(c, "SO_LINGER", linger), OK)
expect(getsockopt(c, "TCP_INFO").state, SYN_SENT)
expect(getsockopt(c, "TCP_CONGESTION"), "reno")
expect(setsockopt(c, "IP_MTU_DISCOVER", "do"), OK)
expect(getsockopt(c, "IP_MTU_DISCOVER"), "do")
expect(setsockopt(c, "SO_RCVTIMEO", 1.5), OK)
expect(getsockopt(c, "SO_RCVTIMEO"), 1.5)
expect(getsockopt(c, "SO_ERROR"), OK)
expect(setsockopt(c, "TCP_FASTOPEN_KEY", ["0123456789abcdef"]), OK)
`, 19)
}

// Every option of package sockopt can be named, and what can be read can be asked for
// and shown.
func TestEverySocketOption(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("c = client.socket()\n")
	for _, e := range sockopt.All() {
		if e.Readable || e.Query {
			b.WriteString(`show("` + e.Name + `", getsockopt(c, "` + e.Name + `"))` + "\n")
		}
	}
	r := told(t, b.String(), lab.Options{})
	if r.Outcome != record.Expected {
		t.Error(r.Error)
	}
	notes := 0
	for _, e := range r.Events {
		if n, ok := e.Body.(*record.Note); ok {
			notes++
			if strings.HasSuffix(n.Text, "<nil>") || strings.Contains(n.Text, "reflect") {
				t.Error(n.Text)
			}
		}
	}
	if notes < 90 {
		t.Errorf("%d options are shown", notes)
	}
}

// The words that a Go story has beside those of hosts, sockets and segments.
func TestOtherWords(t *testing.T) {
	t.Parallel()
	comesTrue(t, `
hosts(addresses=2, both_families=True)
room = knob("room", help="of the queue", sysctl="server:net.core.somaxconn", default=5)
expect(room, 5)
expect(server.sysctl("net.core.somaxconn"), 5)
first, accepted = connection()
late, accepted_late = connection("late")
expect(accepted_late.state, ESTABLISHED)
expect(sock("late client").state, ESTABLISHED)
expect(client.addr_n(1, 7), one_of("192.0.2.3:7", "[2001:db8::3]:7"))

def change(segment):
    segment.seq -= 1
    segment.flags = "RST"
    segment.window = 77
late.write("x")
wire.next("client:data").forge(change).deliver()
expect(accepted_late.state, ESTABLISHED)
expect(took(lambda: wire.next("client:data") if False else 0) < 60, True)

outcome = []
without_net_admin(lambda: outcome.append(late.destroy()))
expect(outcome[0], "EPERM")
inapplicable("other", "A y is x.", "this kernel has no z", source="tcp(7)")
claim("s", "Ones are one.", check("one", 1, 1), seen("two", 2))
`, 10)
}

// Times are numbers with fractions, and what a timer has left is shown as such.
func TestFractions(t *testing.T) {
	t.Parallel()
	const source = `
l = server.listen(80)
c = client.connect(l)
expect(c.rto, between(0.9, 1.1))
expect(c.rto, between(1, 1))
expect(c.rto, at_least(1))
expect(3, between(2.5, 1 << 40))
expect(c.time_left.left, between(0.5, 1.1))
show("left", c.time_left)
`
	comesTrue(t, source, 5)
	for _, e := range told(t, source, lab.Options{}).Events {
		if n, ok := e.Body.(*record.Note); ok && !regexp.MustCompile(`^left: [01](\.\d+)? s left$`).MatchString(n.Text) {
			t.Error(n.Text)
		}
	}
}

// A failure that the story does not ask about is said in the ladder.
func TestUnaskedFailure(t *testing.T) {
	t.Parallel()
	r := told(t, `
l = server.listen(80)
c = client.connect(l)
c.read()
outcome = c.write("x")
show("outcome", c.write("x"))
wire.next("SYN").bounce(NET_UNREACHABLE)
c.write("y")
c.shutdown() if False else c.read()
setsockopt(c,
    "TCP_MAXSEG", 1)
`, lab.Options{})
	var notes []string
	for _, e := range r.Events {
		if n, ok := e.Body.(*record.Note); ok {
			notes = append(notes, n.Text)
		}
	}
	want := []string{
		"line 4: c.read() is EAGAIN, and the story does not ask",
		"outcome: EAGAIN",
		`line 8: c.write("y") is ENETUNREACH, and the story does not ask`,
		`line 10: setsockopt(c, "TCP_MAXSEG", 1) is EINVAL, and the story does not ask`,
	}
	if diff := cmp.Diff(want, notes); diff != "" || r.Outcome != record.Expected {
		t.Errorf("%s %s (-want +got):\n%s", r.Outcome, r.Error, diff)
	}
}

// A host may be alone.
func TestAlone(t *testing.T) {
	t.Parallel()
	comesTrue(t, "hosts(alone=True)\nexpect(server, None)\nexpect(client.socket().state, CLOSE)", 2)
}

// What goes wrong in a function that a word calls is told by its place there.
func TestBreaksInside(t *testing.T) {
	t.Parallel()
	begin := "l = server.listen(80)\nc = client.connect(l)\n"
	for source, want := range map[string]string{
		"def f(t):\n  t.sequence = 1\nwire.next('SYN').forge(f)":  `mine.star:4:4: tcp has no .sequence that can be set`,
		"def f(t):\n  t.seq = '1'\nwire.next('SYN').forge(f)":     `mine.star:4:4: tcp.seq: it is string, want a number that fits`,
		"def f(t):\n  t.flags = 'SIN'\nwire.next('SYN').forge(f)": `mine.star:4:4: tcp.flags: segment "SIN": no flag is called "SIN"`,
		"wire.next('SYN').forge(lambda: 0)":                       `mine.star:3:`,
		"wire.next('SYN').seq = 5":                                `mine.star:3:17: segment has no .seq that can be set`,
		`client.addr_n(1, 5)`:                                     `mine.star:3:14: client: it has the addresses 0 to 0, and none with the number 1`,
		`server.listen(70000)`:                                    `mine.star:3:14: server: 70000 is no port`,
		`server.listen(81, 1 << 31)`:                              `mine.star:3:14: host.listen: argument 2: it is int, want a number that fits`,
		`c.try_read_some(1 << 30)`:                                `mine.star:3:16: client: read(3): 1073741824 is no number of bytes`,
		`c.try_read_some(-1)`:                                     `mine.star:3:16: client: read(3): -1 is no number of bytes`,
		`setsockopt(c, "TCP_NODELAY", 5)`:                         `mine.star:3:11: setsockopt: TCP_NODELAY: it is int, want True or False`,
		`setsockopt(c, "TCP_INFO", 5)`:                            `mine.star:3:11: setsockopt: TCP_INFO can only be read`,
		`getsockopt(c, "TCP_MD5SIG")`:                             `mine.star:3:11: getsockopt: TCP_MD5SIG can only be set`,
		`setsockopt(c, "SO_LINGER", 1)`:                           `mine.star:3:11: setsockopt: SO_LINGER: it is int, want its parts by their names: on, seconds`,
		`setsockopt(c, "SO_LINGER", {1: 1})`:                      `mine.star:3:11: setsockopt: SO_LINGER: it is dict, want its parts by their names: on, seconds`,
		`setsockopt(c, "SO_LINGER", off=1)`:                       `mine.star:3:11: setsockopt: SO_LINGER: it takes no argument "off"`,
		`setsockopt(c, "TCP_MAXSEG", 1 << 40)`:                    `mine.star:3:11: setsockopt: TCP_MAXSEG: it is int, want a number that fits`,
		`setsockopt(c, "TCP_MD5SIG", peer="x", key="k")`:          `mine.star:3:11: setsockopt: TCP_MD5SIG: peer: "x" is not an address, as "192.0.2.1" is`,
		`setsockopt(c, "TCP_CONGESTION", "evil")`:                 `mine.star:3:11: setsockopt: TCP_CONGESTION: this kernel has `,
		`setsockopt(c, "TCP_ULP", "tls")`:                         `mine.star:3:11: setsockopt: TCP_ULP: it may load a module`,
		`client.set_sysctl("net.ipv4.tcp_sack", "x")`:             `mine.star:3:18: client: net.ipv4.tcp_sack=x: write: invalid argument`,
		`client.set_sysctl("kernel.hostname", "x")`:               `mine.star:3:18: client: kernel.hostname=x: no such sysctl`,
		`client.set_sysctl("net/../../kernel/hostname", "x")`:     `mine.star:3:18: client: net/../../kernel/hostname=x: no such sysctl`,
		`client.sysctl("net.ipv4.tcp_rmem")`:                      `mine.star:3:14: client: net.ipv4.tcp_rmem is "`,
		`c.time_left.set_since({"left": 1})`:                      `mine.star:3:22: timeleft.set_since: argument 1: it is dict, want what a timer has left, as c.time_left`,
		`c.timer_below(-1)`:                                       `mine.star:3:14: client: no timer has less than -1s left`,
		`client.data_schedule(100000, 1)`:                         `mine.star:3:21: client: no schedule is of 100000 retries`,
		`client.orphan_schedule(0, 0)`:                            `mine.star:3:23: client: no schedule is of 0 retries and a timeout of 0s`,
		`client.syn_schedule().pause(-1)`:                         `mine.star:3:28: schedule.pause: there is none of that number`,
		`setsockopt(1, "TCP_NODELAY", 1)`:                         `mine.star:3:11: setsockopt: argument 1: it is int, want a sock`,
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			r := told(t, begin+source, lab.Options{Patience: 50e6})
			if r.Outcome != record.Broken || !strings.Contains(r.Error, want) {
				t.Errorf("%s: %s, want %s", r.Outcome, r.Error, want)
			}
		})
	}
}

// What a story says of itself is read before it is told.
func TestDeclarations(t *testing.T) {
	l, err := play.Compile("mine.star", []byte("if True:\n  hosts(alone=True, addresses=3)\nknob('n', -1, 'x', min=-2)\nknob('s', help='y', sysctl='client:net.core.somaxconn')"))
	if err != nil || !l.Alone || l.Addresses != 3 || len(l.Knobs) != 2 || l.Knobs[0].Min != -2 || l.Knobs[1].Sysctl == "" {
		t.Errorf("%+v, %v", l, err)
	}
	for _, source := range []string{
		"hosts(2)", "hosts(addresses=0)", "hosts(addresses=65)", "hosts(addresses=True)", "hosts(alone=1)", "hosts(addresses=1+1)", "hosts(other=1)",
		"knob('n', -'1', 'x')", "knob('s', help='y', sysctl='net.core.somaxconn')", "knob('s', help='y', sysctl='server:kernel.x')", "knob('s', True, 'on')",
	} {
		if _, err := play.Compile("mine.star", []byte(source)); err == nil || !strings.Contains(err.Error(), "mine.star:1:1: ") || !strings.Contains(err.Error(), "is written") {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// Each word of story files alone says how it is written.
func TestUsages(t *testing.T) {
	for i, usage := range play.Usages() {
		if name, text, ok := strings.Cut(usage, "("); !ok || !strings.Contains(text, "): ") || name == "" {
			t.Errorf("usage %d is %q", i, usage)
		}
	}
}
