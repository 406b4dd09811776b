package play_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/play"
)

// What the text shows to be wrong is told before the story is, each with its place.
func TestChecked(t *testing.T) {
	t.Parallel()
	begin := "l = server.listen(80)\nc = client.connect(l)\n"
	for source, want := range map[string]string{
		`wire.nxt("SYN")`:                           `mine.star:3:5: wire has no .nxt field or method (did you mean .next?)`,
		`wire.next("SIN")`:                          `mine.star:3:10: segment "SIN": no flag is called "SIN"`,
		`wire.of(c).pass_("SYN", "SIN")`:            `mine.star:3:17: segment "SIN": no flag is called "SIN"`,
		`wire.next(name="clinet:SYN")`:              `mine.star:3:10: segment "clinet:SYN": no host is called "clinet"`,
		`wire.next(5)`:                              `mine.star:3:10: wire.next: argument 1: it is int, want a string`,
		`wire.next()`:                               `mine.star:3:10: wire.next: it takes 1 argument (name), not 0`,
		`c.write("x", mode="w")`:                    `mine.star:3:8: sock.write: it takes no argument "mode", but data`,
		`c.write("x", data="w")`:                    `mine.star:3:8: sock.write: it takes data once`,
		`c.state()`:                                 `mine.star:3:8: c.state is written without parentheses`,
		`c.close`:                                   `mine.star:3:2: c.close is a word that does something: write it with parentheses`,
		"if c.read == 'x':\n  pass":                 `mine.star:3:5: c.read is a word that does something`,
		`expect(c.close, 1)`:                        `mine.star:3:9: c.close is a word that does something`,
		`show("x", c.read)`:                         `mine.star:3:12: c.read is a word that does something`,
		`expect(1)`:                                 `mine.star:3:7: expect: missing argument for want: it is written expect(got, want)`,
		`expect(got=1, wanted=2)`:                   `mine.star:3:7: expect: unexpected keyword argument "wanted": it is written expect(got, want)`,
		`expect(want=1, got=c.close)`:               `mine.star:3:21: c.close is a word`,
		`c.bind("nowhere")`:                         `mine.star:3:7: sock.bind: argument 1: "nowhere" is not an address with a port, as `,
		`client.connect("x")`:                       `mine.star:3:15: host.connect: argument 1: it is string, want a sock`,
		`client.connect(wire)`:                      `mine.star:3:15: host.connect: argument 1: it is wire, want a sock`,
		`server.listen(backlog=1)`:                  `mine.star:3:14: host.listen: it takes port, too`,
		`server.listen(81, 1 << 31)`:                ``, // is not computed
		`server.listen(81, 2147483648)`:             `mine.star:3:14: host.listen: argument 2: it is int, want a number that fits`,
		`c.peer.craft(flags="RST", sequence=1)`:     `mine.star:3:13: end.craft: it takes no argument "sequence", but flags, seq, ack, win, data, options`,
		`c.craft("RST")`:                            `mine.star:3:8: sock.craft: argument 1: it is string, want its parts by their names: flags, `,
		`wire.next("SYN").bounce()`:                 `mine.star:3:24: segment.bounce: it takes 1 argument (m), not 0`,
		`wire.next("SYN").bounce("x")`:              `mine.star:3:24: segment.bounce: argument 1: it is string, want an ICMP message, as `,
		`took(1)`:                                   `mine.star:3:5: took: argument 1: it is int, want a function`,
		`took(lambda: wire.next(1))`:                `mine.star:3:23: wire.next: argument 1: it is int`,
		`setsockopt(c, "TCP_NODELAYS", 1)`:          `mine.star:3:11: setsockopt: no option is called "TCP_NODELAYS" (tcplab sockopt lists them)`,
		`getsockopt(c, "nodelay")`:                  `mine.star:3:11: getsockopt: no option is called "nodelay"; there is TCP_NODELAY`,
		`server.accept()`:                           `mine.star:3:7: host has no .accept field or method: it is a word of sock`,
		`c.setsockopt("TCP_NODELAY", 1)`:            `mine.star:3:2: sock has no .setsockopt field or method: it is written setsockopt(sock, option, value)`,
		"a, b = connection()\nb.expire()":           `mine.star:4:2: sock has no .expire field or method`,
		"(a, b) = (c, l)\nb.expire()":               `mine.star:4:2: sock has no .expire field or method`,
		"def f():\n  s.expire()\ns = l.accept()":    `mine.star:4:4: sock has no .expire field or method`,
		"for i in range(2):\n  x = c\n  x.expire()": `mine.star:5:4: sock has no .expire field or method`,
		"wire.nxt(nix)\nc.stat":                     "mine.star:3:5: wire has no .nxt field or method (did you mean .next?)\nmine.star:3:10: undefined: nix\nmine.star:4:2: sock has no .stat field or method (did you mean .state?)",
	} {
		_, err := play.Compile("mine.star", []byte(begin+source))
		if want == "" && err == nil {
			continue
		}
		if err == nil || want == "" || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
}

// Of many mistakes some are told, and soon, wherever they stand.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	for _, one := range []string{"x.nix;", "x.close;", "y;", "x.read(1);", "x.read(a=1);"} {
		begin := time.Now()
		_, err := play.Compile("mine.star", []byte("x = client.socket();"+strings.Repeat(one, (play.MaxText-100)/len(one))))
		if err == nil || strings.Count(err.Error(), "\n") != 20 || !strings.HasSuffix(err.Error(), "\nmine.star: and there are more mistakes") {
			t.Errorf("%s: %.200v", one, err)
		}
		if took := time.Since(begin); took > time.Minute { // where all are told, hours
			t.Errorf("%s took %v", one, took)
		}
	}
}

// Only what is certain is refused: a name that may be something else is let be.
func TestCheckedIsCertain(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"x = client\nx = {'a': 1}\nx.items()",
		"x = client\nx += 1\nx.nix",
		"def f(wire):\n  return wire.nix",
		"f = lambda client: client.nix",
		"y = [server.nix for server in [1]]",
		"for wire in [1]:\n  wire.nix",
		"def took(x):\n  return x\ntook(1)",
		"def expect(x):\n  return x\nexpect(1)",
		"a = [client]\na[0].nix",
		"a, b = 1, client\na.nix",
		"(client,) = [1]\nclient.nix",
		"client.connect(*[1, 2])\nclient.connect(**{})",
		"args = ['x']\nwire.next(*args)",
		"took(client.socket)\nf = client.socket",
		"name = 'SYN'\nwire.next(name)",
		"c = client.socket()\nc.await_(CLOSE)\nleft(c.peer.state, c.time_left, 1)",
		"wire.next('SYN').bounce(too_big(500))\nwire.next('SYN').forge(ACK_ITSELF)",
		"c = client.socket()\nwire.unanswered('client:SYN', wire.next('SYN'))",
	} {
		if _, err := play.Compile("mine.star", []byte(source)); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// The arguments of a word may be given by their names.
func TestArgumentsByName(t *testing.T) {
	t.Parallel()
	comesTrue(t, `
l = server.listen(backlog=3, port=80)
expect(l.limit, 3)
l = server.listen(81)
expect(l.limit, 16)
c = client.connect_to(to=server.addr(port=80))
first = wire.next(name="SYN")
first.deliver()
wire.of(conn=c).pass_("SYN,ACK", "ACK")
expect(c.write(data="x"), OK)
expect(c.peer.craft(flags="ACK", seq=1, ack=1).seq, 1)
client.set_sysctl("net.ipv4.tcp_sack", value="0")
expect(client.sysctl(key="net.ipv4.tcp_sack"), 0)
expect(left(got=c.time_left, name="x", nominal=0.2) != None, True)
expect(want=between(least=0, most=2), got=c.peer.received)
claim("a", "b", check(want=at_least(number=1), got=1, name="x"), seen(got=1, name="y"))
`, 8)
}
