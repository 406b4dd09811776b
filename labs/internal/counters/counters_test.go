package counters

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       map[string]int64
	}{
		{"one of several sections", `Ip: Forwarding InReceives
Ip: 1 5
Tcp: RtoAlgorithm RtoMin MaxConn ActiveOpens CurrEstab OutRsts
Tcp: 1 200 -1 7 3 0
TcpExt: OutRsts
TcpExt: 9
`, map[string]int64{"ActiveOpens": 7}},
		{"no newline at the end", "Tcp: A B\nTcp: 1 2", map[string]int64{"A": 1, "B": 2}},
		{"a negative counter", "Tcp: A\nTcp: -4\n", map[string]int64{"A": -4}},
		{"names alone", "Tcp:\nTcp:\n", map[string]int64{}},
		{"a third line", "Tcp: A\nTcp: 1\nTcp: 2\n", map[string]int64{"A": 1}},
	} {
		got := map[string]int64{}
		if err := parse(got, test.text, "Tcp:"); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "no Tcp: section"},
		{"another section", "TcpExt: A\nTcpExt: 1\n", "no Tcp: section"},
		{"no values", "Tcp: A B\n", "no Tcp: section"},
		{"a value too few", "Tcp: A B\nTcp: 1\n", "2 names, 1 values"},
		{"a value too many", "Tcp: A\nTcp: 1 2\n", "1 names, 2 values"},
		{"a word", "Tcp: A\nTcp: x\n", "Tcp: A: "},
		{"more than fits", "Tcp: A\nTcp: 99999999999999999999\n", "Tcp: A: "},
	} {
		err := parse(map[string]int64{}, test.text, "Tcp:")
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", test.name, err, test.want)
		}
	}
}
