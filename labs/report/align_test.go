package report

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Every pair is of equal elements, in the order of both sequences.
func sound(t *testing.T, a, b []string, pairs []pair) {
	t.Helper()
	last := pair{-1, -1}
	for _, p := range pairs {
		if p.a <= last.a || p.b <= last.b || a[p.a] != b[p.b] {
			t.Fatalf("pair %v after %v, of %d and %d elements", p, last, len(a), len(b))
		}
		last = p
	}
}

func TestAlign(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a b c", "", 0},
		{"a b c", "a b c", 3},
		{"a b c", "x y z", 0},
		{"a b c d", "a x c d", 3},
		{"a b c d e", "b d", 2},
		{"a b a b a", "b a b", 3},
		{"x a b c", "a b c x", 3},
		{"a a a a", "a a", 2},
	} {
		a, b := strings.Fields(test.a), strings.Fields(test.b)
		pairs := align(a, b)
		sound(t, a, b, pairs)
		if len(pairs) != test.want {
			t.Errorf("align(%q, %q) pairs %d, want %d", test.a, test.b, len(pairs), test.want)
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	some := func() []string {
		var all []string
		for range random.IntN(60) {
			all = append(all, fmt.Sprint(random.IntN(1+random.IntN(20))))
		}
		return all
	}
	for range 2000 {
		a, b := some(), some()
		pairs := align(a, b)
		sound(t, a, b, pairs)
		if len(pairs) != common(a, b) {
			t.Fatalf("align(%q, %q) pairs %d, want %d", a, b, len(pairs), common(a, b))
		}
	}
}

// A long sequence that was changed here and there keeps what was not changed.
func TestAlignLong(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const n = 10_000
	for name, element := range map[string]func(i int) string{
		"each once": func(i int) string { return fmt.Sprint(i) },
		"most many times": func(i int) string {
			if i%50 == 0 {
				return fmt.Sprint(i)
			}
			return fmt.Sprint(i % 3)
		},
		"all many times": func(i int) string { return fmt.Sprint(random.IntN(5)) },
	} {
		var a, b []string
		changed := 0
		for i := range n {
			e := element(i)
			a = append(a, e)
			switch random.IntN(100) {
			case 0: // it is missing
				changed++
			case 1:
				changed++
				b = append(b, e, "new")
			default:
				b = append(b, e)
			}
		}
		pairs := align(a, b)
		sound(t, a, b, pairs)
		if len(pairs) < n-10*changed {
			t.Errorf("%s: %d of %d are paired, and %d were changed", name, len(pairs), n, changed)
		}
	}
}

func FuzzAlign(f *testing.F) {
	f.Add("abcabc", "bcab")
	f.Add(strings.Repeat("ab", 300), strings.Repeat("ba", 300))
	f.Fuzz(func(t *testing.T, x, y string) {
		a, b := strings.Split(x, ""), strings.Split(y, "")
		pairs := align(a, b)
		sound(t, a, b, pairs)
		if x == y && len(pairs) != len(a) {
			t.Errorf("of %d equal elements %d are paired", len(a), len(pairs))
		}
		if len(a)+len(b) <= farthest && len(pairs) != common(a, b) {
			t.Errorf("%d are paired, and could be %d", len(pairs), common(a, b))
		}
	})
}

// common is the length of a longest common subsequence, as everybody writes it.
func common(a, b []string) int {
	most := make([]int, len(b)+1)
	for i := range a {
		corner := 0
		for j := range b {
			above := most[j+1]
			if a[i] == b[j] {
				most[j+1] = corner + 1
			} else {
				most[j+1] = max(above, most[j])
			}
			corner = above
		}
	}
	return most[len(b)]
}

// What is all different takes no longer per element where there is ten times as much.
func BenchmarkAlign(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		for name, same := range map[string]int{"alike": 1, "different": 0} {
			b.Run(fmt.Sprintf("%s-%d", name, n), func(b *testing.B) {
				var x, y []string
				for i := range n {
					x = append(x, fmt.Sprint("a", i%1000))
					y = append(y, fmt.Sprint("a", i%1000+1000*(1-same)*(i%2)))
				}
				for b.Loop() {
					align(x, y)
				}
			})
		}
	}
}
