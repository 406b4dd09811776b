package play_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/play"
	"github.com/tcplab/tcplab/labs/record"
)

// A story that wants all memory is stopped before it has it, whatever it makes it by.
func TestGreed(t *testing.T) {
	const much, ends = "a story makes 64 MB of strings and lists at most", "it does not end"
	loop := "for _ in range(1 << 30):\n  "
	t.Run("all", func(t *testing.T) {
		for source, want := range map[string]string{
			`x = "x" * (1 << 29)`:                                                   much,
			`x = (1 << 29) * "x"`:                                                   much,
			`x = [0] * (1 << 29)`:                                                   much,
			`x = b"x" * (1 << 29)`:                                                  much,
			`x = (1,) * (1 << 40)`:                                                  much,
			"x = 'x'\nx *= 1 << 29":                                                 much,
			"x = 'x' * 1000\n" + loop + "x = x + x":                                 much,
			"x = 'x' * 1000\n" + loop + "x += x":                                    much,
			"x = [1] * 1000\n" + loop + "x += x":                                    much,
			"x = [1] * 1000\n" + loop + "x.extend(x)":                               much,
			"x = {'a': [1] * 1000}\n" + loop + "x['a'] += x['a']":                   much,
			"x = list(range(1 << 30))":                                              much,
			"x = tuple(range(1 << 30))":                                             much,
			"x = sorted(range(1 << 30))":                                            much,
			"x = set(range(1 << 30))":                                               much,
			"x = [1]\nx.extend(range(1 << 30))":                                     much,
			"x = set([1])\nx.update(range(1 << 30))":                                much,
			"x = zip(range(1 << 30), range(1 << 30))":                               much,
			"x = max(range(1 << 40))":                                               much,
			"x = ['x' * 1000] * 100000\ny = ','.join(x)":                            much,
			"x = ('x' * 10000).join(['y'] * 100000)":                                much,
			"x = ('x' * 10000).replace('x', 'y' * 100000)":                          much,
			"f = ('x' * 10000).replace\nx = f('x', 'y' * 100000)":                   much,
			"x = getattr('x' * 10000, 'replace')('x', 'y' * 100000)":                much,
			"x = '%s' * 10000 % tuple(['x' * 100000] * 10000)":                      much,
			"x = '%(a)s' * 10000 % {'a': 'x' * 100000}":                             much,
			"x = ('{0}' * 10000).format('x' * 100000)":                              much,
			"x = ['lol'] * 1000\ny = [x] * 1000\nz = str([y] * 1000)":               much,
			"x = ['lol'] * 1000\ny = [x] * 1000\nprint([y] * 1000)":                 much,
			"x = ['lol'] * 1000\ny = [x] * 1000\nshow('z', [y] * 1000)":             much,
			"x = ['lol'] * 1000\ny = [x] * 1000\nexpect([y] * 1000, 1)":             much,
			"x = ['lol'] * 1000\ny = [x] * 1000\nz = '%r' % ([y] * 1000)":           much,
			"x = []\nx.append(x)\nshow('x', x)":                                     much,
			"x = list(range(1000000))\n" + loop + "y = x[:]":                        much,
			"x = 'x' * 1000000\ny = []\n" + loop + "y.append(x.upper())":            much,
			"x = 'x' * 1000000\ny = []\n" + loop + "y.append(x.split('x'))":         much,
			"x = 2\n" + loop + "x = x * x":                                          much,
			"x = 1 << 500\n" + loop + "x *= x":                                      much,
			"x = [i for i in range(1 << 30)]":                                       ends,
			loop + "pass":                                                           ends,
			"x = ()\n" + loop + "x = (x,)":                                          ends,
			loop + "print('x' * 1000)":                                              much,
			loop + "print('')":                                                      "a story uses 200000 words at most",
			"c = client.socket()\n" + loop + "c.poll()":                             "a story uses 200000 words at most",
			"c = client.socket()\nc.write('x' * 40000000)\nc.write('x' * 40000000)": much,
		} {
			t.Run(source, func(t *testing.T) {
				t.Parallel()
				r := told(t, source, lab.Options{})
				if r.Outcome != record.Broken || !strings.Contains(r.Error, want) || !strings.Contains(r.Error, "mine.star:") {
					t.Errorf("%s: %s, want %s", r.Outcome, r.Error, want)
				}
			})
		}
	})
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapSys > 2<<30 {
		t.Errorf("they took %d MB", m.HeapSys>>20)
	}
}

// What counts changes nothing for a story that is not greedy.
func TestGuardsChangeNothing(t *testing.T) {
	comesTrue(t, `
x = [1, 2, 3]
y = x
x += [4]
expect(y, [1, 2, 3, 4])
x *= 2
expect(len(x), 8)
expect(len(y), 4)
n = 7
n *= 3
n += 1
expect(n, 22)
expect("%d of %s" % (1, "two"), "1 of two")
expect("a,b".split(","), ["a", "b"])
expect("-".join(["a", "b"]), "a-b")
expect("{} {x}".format(1, x=2), "1 2")
expect({"a": 1} | {"b": 2}, {"a": 1, "b": 2})
expect(x[1:3], [2, 3])
expect("hello"[::-1], "olleh")
def f(a, b=2 * 3):
    return [a + i for i in range(b) if i % 2]
expect(f(1), [2, 4, 6])
expect((lambda x: x.get("k", 5))({}), 5)
expect(sorted({"b": 1, "a": 2}.keys()), ["a", "b"])
expect(max(1, 2), 2)
expect([k for k, v in {"a": 1}.items()], ["a"])
`, 16)
	if _, err := play.Compile("mine.star", []byte("x = [1]\nx[0] *= 2")); err == nil || err.Error() != "mine.star:2:6: *= is for a name alone: write x = x * y" {
		t.Error(err)
	}
}

// A text that is nested deeply is refused, or told, and takes no stack that is not there.
func TestDeepTexts(t *testing.T) {
	many := func(text string) string { return strings.Repeat(text, 90_000/len(text)) }
	for source, want := range map[string]string{
		"x = " + many("("):                  "mine.star:1:82: excessive nesting",
		"x = " + many("["):                  "mine.star:1:82: excessive nesting",
		"x = " + many("-") + "1":            "mine.star:1:994: excessive nesting",
		"x = " + many("not ") + "1":         "mine.star:1:3996: excessive nesting",
		"x = " + many("lambda: ") + "1":     "mine.star:1:4011: excessive nesting",
		"x = " + many("1 if 1 else ") + "1": "mine.star:1:11862: excessive nesting",
		"x = client" + many(".a"):           "mine.star:1:11: host has no .a field or method",
		"x = [client][0]" + many(".a"):      "",
		"x = 1" + many("+1"):                "",
		"x = print" + many("()"):            "",
	} {
		_, err := play.Compile("mine.star", []byte(source))
		if got := fmt.Sprint(err); got != want && (err != nil || want != "") {
			t.Errorf("%.20s: %s, want %s", source, got, want)
		}
	}
}
