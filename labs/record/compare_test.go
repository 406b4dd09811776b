package record_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/record"
)

// said makes a run of a lab: on a kernel, with flags, and its verdicts on claims
// ("queue confirmed 3" saw 3). "--ipv6" and "--trace" go where a run has them.
func said(lab, kernel, flags string, verdicts ...string) *record.Run {
	r := &record.Run{Lab: lab, Outcome: record.Expected}
	r.Environment.Kernel = kernel
	for _, flag := range strings.Fields(flags) {
		switch flag {
		case "--ipv6":
			r.Environment.IPv6 = true
		case "--trace":
			r.Environment.Trace = record.Tracepoints
		default:
			r.Given = append(r.Given, flag)
		}
	}
	for _, text := range verdicts {
		words := strings.Fields(text)
		c := record.Claim{ID: words[0], Verdict: record.Verdict(words[1])}
		for i, value := range words[2:] {
			c.Evidence = append(c.Evidence, record.Fact{Name: fmt.Sprint("seen ", i+1), Value: value})
		}
		r.Claims = append(r.Claims, c)
	}
	return r
}

// drawn writes a comparison in few words: the columns, and each row with how many runs
// it has.
func drawn(c record.Comparison) []string {
	var names, all []string
	for _, column := range c.Columns {
		names = append(names, column.Name)
	}
	all = append(all, strings.Join(names, " | "))
	for _, row := range c.Rows {
		all = append(all, fmt.Sprint(strings.Join(append([]string{row.Lab}, row.Setting...), " "), ": ", row.Count()))
	}
	return all
}

// What differs between runs of a lab that have all else in common names the columns.
func TestCompareColumns(t *testing.T) {
	old := func(r *record.Run) *record.Run { r.Environment.Tcplab = "v1"; return r }
	user := func(r *record.Run) *record.Run { r.Environment.Privilege = "userns"; return r }
	for _, test := range []struct {
		name string
		runs []*record.Run
		want []string
	}{
		{"nothing", nil, []string{""}},
		{"one run", []*record.Run{said("a", "6.1", "")}, []string{"", "a: 1"}},
		{"kernels", []*record.Run{said("a", "6.1", ""), said("a", "6.12", "")}, []string{"Linux 6.1 | Linux 6.12", "a: 2"}},
		{
			"kernels, and a setting of their own for each row",
			[]*record.Run{said("a", "6.1", ""), said("a", "6.1", "--ipv6"), said("a", "6.1", "--wait"), said("a", "6.12", ""), said("a", "6.12", "--ipv6"), said("a", "6.12", "--wait")},
			[]string{"Linux 6.1 | Linux 6.12", "a: 2", "a --ipv6: 2", "a --wait: 2"},
		},
		{
			"kernels, of which one has not run a lab",
			[]*record.Run{said("a", "6.1", ""), said("b", "6.1", ""), said("b", "6.12", "")},
			[]string{"Linux 6.1 | Linux 6.12", "a: 1", "b: 2"},
		},
		{
			"kernels, one of them twice",
			[]*record.Run{said("a", "6.1", ""), said("a", "6.12", ""), said("a", "6.1", "")},
			[]string{"Linux 6.1 | Linux 6.12 | Linux 6.1, run 2", "a: 3"},
		},
		{"families", []*record.Run{said("a", "6.1", ""), said("b", "6.1", ""), said("a", "6.1", "--ipv6"), said("b", "6.1", "--ipv6")}, []string{"IPv4 | IPv6", "a: 2", "b: 2"}},
		{"settings", []*record.Run{said("a", "6.1", ""), said("a", "6.1", "--n=2"), said("a", "6.1", "--n=3 --wait")}, []string{"defaults | n=2 | n=3 wait", "a: 3"}},
		{
			"settings, less what all have",
			[]*record.Run{said("a", "6.1", "--wait --sysctl=net.x=0 --ipv6"), said("a", "6.1", "--wait --sysctl=net.x=1 --ipv6")},
			[]string{"net.x=0 | net.x=1", "a: 2"},
		},
		{"tracing", []*record.Run{said("a", "6.1", ""), said("a", "6.1", "--trace")}, []string{"without --trace | with --trace", "a: 2"}},
		{"the same again", []*record.Run{said("a", "6.1", ""), said("a", "6.1", ""), said("a", "6.1", "")}, []string{"run 1 | run 2 | run 3", "a: 3"}},
		{
			"the same again, of both families",
			[]*record.Run{said("a", "6.1", ""), said("a", "6.1", "--ipv6"), said("a", "6.1", ""), said("a", "6.1", "--ipv6")},
			[]string{"run 1 | run 2", "a: 2", "a --ipv6: 2"},
		},
		{"another tcplab", []*record.Run{old(said("a", "6.1", "")), said("a", "6.1", "")}, []string{"tcplab v1 | tcplab ", "a: 2"}},
		{"another user", []*record.Run{user(said("a", "6.1", "")), said("a", "6.1", "")}, []string{"userns | ", "a: 2"}},
		{
			"two things at once",
			[]*record.Run{said("a", "6.1", ""), said("a", "6.12", "--ipv6")},
			[]string{"Linux 6.1, IPv4 | Linux 6.12, IPv6", "a: 2"},
		},
		{"different labs", []*record.Run{said("a", "6.1", ""), said("b", "6.1", "")}, []string{"", "a: 1", "b: 1"}},
	} {
		if diff := cmp.Diff(test.want, drawn(record.Compare(test.runs...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// Groups are columns, whatever else differs within them, unless there are kernels.
func TestCompareGroups(t *testing.T) {
	group := func(runs ...*record.Run) []*record.Run { return runs }
	for _, test := range []struct {
		name   string
		groups [][]*record.Run
		want   []string
	}{
		{"families", [][]*record.Run{group(said("a", "1", ""), said("b", "1", "")), group(said("a", "1", "--ipv6"), said("b", "1", "--ipv6"))}, []string{"IPv4 | IPv6", "a: 2", "b: 2"}},
		{
			"one lab's setting",
			[][]*record.Run{group(said("a", "1", ""), said("b", "1", "--n=1")), group(said("a", "1", ""), said("b", "1", "--n=2"))},
			[]string{"run 1 | run 2", "a: 2", "b: 2"},
		},
		{
			"settings in each",
			[][]*record.Run{group(said("a", "1", "--n=1"), said("a", "1", "--n=2")), group(said("a", "1", "--n=1"), said("a", "1", "--n=2"))},
			[]string{"run 1 | run 2", "a --n=1: 2", "a --n=2: 2"},
		},
		{
			"families in each, of which the settings differ",
			[][]*record.Run{group(said("a", "1", ""), said("a", "1", "--ipv6")), group(said("a", "1", "--n=2"), said("a", "1", "--n=2 --ipv6"))},
			[]string{"defaults | n=2", "a: 2", "a --ipv6: 2"},
		},
		{
			"two files for each kernel",
			[][]*record.Run{group(said("a", "1", "")), group(said("a", "1", "--ipv6")), group(said("a", "2", "")), group(said("a", "2", "--ipv6"))},
			[]string{"Linux 1 | Linux 2", "a: 2", "a --ipv6: 2"},
		},
		{
			"another kernel and another family",
			[][]*record.Run{group(said("a", "1", "")), group(said("a", "2", "--ipv6"))},
			[]string{"Linux 1, IPv4 | Linux 2, IPv6", "a: 2"},
		},
		{"the same twice in one", [][]*record.Run{group(said("a", "1", ""), said("a", "1", "")), group(said("a", "1", ""))}, []string{"run 1 | run 2 | run 3", "a: 3"}},
	} {
		if diff := cmp.Diff(test.want, drawn(record.CompareGroups(test.groups...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// A difference is one of verdicts or of evidence, and never one of times, of the
// addresses of a family, or of a broken run.
func TestCompareClaims(t *testing.T) {
	of := func(outcome record.Outcome, r *record.Run) *record.Run { r.Outcome = outcome; return r }
	slow := func(r *record.Run) *record.Run { r.Claims[0].Slow = true; return r }
	took := func(r *record.Run, ms int64) *record.Run {
		r.Claims[0].Evidence = append(r.Claims[0].Evidence, record.Fact{Name: "took_ms", Value: ms})
		return r
	}
	at := func(r *record.Run, addresses ...string) *record.Run {
		h := record.Host{Name: "client"}
		for _, a := range addresses {
			h.Addresses = append(h.Addresses, netip.MustParseAddr(a))
		}
		r.Environment.Hosts = []record.Host{h}
		return r
	}
	for _, test := range []struct {
		name string
		a, b *record.Run
		want record.Difference
	}{
		{"the same", said("a", "1", "", "x confirmed 3"), said("a", "2", "", "x confirmed 3"), record.Same},
		{"another verdict", said("a", "1", "", "x confirmed 3"), said("a", "2", "", "x refuted 3"), record.JudgedOtherwise},
		{"no ground", said("a", "1", "", "x confirmed 3"), said("a", "2", "", "x inapplicable"), record.JudgedOtherwise},
		{"other evidence", said("a", "1", "", "x confirmed 3"), said("a", "2", "", "x confirmed 4"), record.SeenOtherwise},
		{"more evidence", said("a", "1", "", "x confirmed 3"), said("a", "2", "", "x confirmed 3 4"), record.SeenOtherwise},
		{"another time", took(said("a", "1", "", "x confirmed 3"), 1000), took(said("a", "2", "", "x confirmed 3"), 1012), record.Same},
		{
			"addresses of another family", at(said("a", "1", "", "x confirmed 192.0.2.1:40000 192.0.2.3"), "192.0.2.1", "192.0.2.3"),
			at(said("a", "2", "", "x confirmed [2001:db8::1]:40000 2001:db8::3"), "2001:db8::1", "2001:db8::3"), record.Same,
		},
		{"another port", at(said("a", "1", "", "x confirmed 192.0.2.1:1"), "192.0.2.1"), at(said("a", "2", "", "x confirmed 192.0.2.1:2"), "192.0.2.1"), record.SeenOtherwise},
		{"a claim that one lacks", said("a", "1", "", "x confirmed"), said("a", "2", ""), record.JudgedOtherwise},
		{"a claim that the first lacks", said("a", "1", ""), said("a", "2", "", "x confirmed"), record.JudgedOtherwise},
		{"a claim that was not judged yet", said("a", "1", "", "x confirmed"), of(record.Interrupted, said("a", "2", "")), record.Same},
		{"a broken run", said("a", "1", "", "x confirmed 3"), of(record.Broken, said("a", "2", "", "x broken 4")), record.Same},
		{"a slow machine", said("a", "1", "", "x confirmed 3"), slow(said("a", "2", "", "x inapplicable")), record.Same},
		{"a slow machine that changes nothing", said("a", "1", "", "x confirmed 3"), slow(said("a", "2", "", "x confirmed 4")), record.SeenOtherwise},
		{"a broken run first", of(record.Broken, said("a", "1", "", "x broken 4")), said("a", "2", "", "x confirmed 3"), record.Same},
	} {
		c := record.Compare(test.a, test.b)
		if len(c.Rows) != 1 || len(c.Rows[0].Claims) != 1 {
			t.Errorf("%s: %d rows, want one with one claim", test.name, len(c.Rows))
			continue
		}
		if got := c.Rows[0].Claims[0].Differ; got != test.want {
			t.Errorf("%s: differ is %v, want %v", test.name, got, test.want)
		}
		if c.Rows[0].Differ() != test.want || c.Differs() != (test.want != record.Same) {
			t.Errorf("%s: the row's is %v, and the comparison differs: %v", test.name, c.Rows[0].Differ(), c.Differs())
		}
	}
}

// Claims stand in the order of the first run that has them, each in its column.
func TestCompareOrder(t *testing.T) {
	c := record.Compare(
		said("a", "1", "", "x confirmed", "y confirmed"),
		said("b", "2", "", "p confirmed"),
		said("a", "2", "", "y refuted", "z refuted"),
	)
	var got []string
	for _, row := range c.Rows {
		for _, claim := range row.Claims {
			line := row.Lab + " " + claim.ID
			for _, one := range claim.Claims {
				if one == nil {
					line += " -"
				} else {
					line += " " + string(one.Verdict)
				}
			}
			got = append(got, line)
		}
	}
	want := []string{"a x confirmed -", "a y confirmed refuted", "a z - refuted"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("-want +got:\n" + diff)
	}
	if !c.Differs() {
		t.Error("what one run alone has is no difference")
	}
}

func TestNeutral(t *testing.T) {
	var e record.Environment
	for _, h := range []struct{ name, first, second string }{{"a", "192.0.2.1", "2001:db8::1"}, {"b", "192.0.2.10", "2001:db8::10"}} {
		e.Hosts = append(e.Hosts, record.Host{Name: h.name, Addresses: []netip.Addr{netip.MustParseAddr(h.first), netip.MustParseAddr(h.second)}})
	}
	for text, want := range map[string]string{
		"192.0.2.1:80": "a:80", "192.0.2.10:80": "b:80", "[2001:db8::1]:80": "a 2:80", "[[2001:db8::10]:80]": "[b 2:80]", "2001:db8::10": "b 2",
		"0.0.0.0:0": "any:0", "[::]:0": "any:0", "": "", "3": "3", "203.0.113.1": "203.0.113.1",
	} {
		if got := e.Neutral(text); got != want {
			t.Errorf("Neutral(%q) = %q, want %q", text, got, want)
		}
	}
}
