package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/record"
)

// Two runs of a story: the kernels differ, and so does what becomes of the ACK.
func twoKernels() []*record.Run {
	told := func(kernel string, reset bool) *record.Run {
		s := tell("The accept queue is full", "client", "server")
		s.run.Environment.Kernel = kernel
		s.run.Environment.Sysctls = map[string]map[string]string{"client": {"net.x": "1"}, "server": {"net.x": "1"}}
		s.part("A handshake")
		s.listen(16)
		s.handshake(40000, 1)
		s.judge(record.Claim{ID: "established", Text: "Both ends are ESTABLISHED.", Verdict: record.Confirmed, Evidence: record.Evidence{{Name: "client", Value: "ESTABLISHED"}}})
		s.part("The queue is full")
		s.call("client", "write", "5", "3", `"hello"`, "5")
		s.state("client", "40000->80", record.Established, record.Established, queues(0, 5))
		s.segment("client", "server", 40000, "PSH,ACK", 1, 1, 5, record.Delivered)
		verdict, answer := record.Confirmed, "none"
		if reset {
			s.run.Environment.Sysctls["client"]["net.y"] = "2"
			s.run.Environment.Sysctls["server"]["net.y"] = "2"
			s.segment("server", "client", 40000, "RST", 1, 0, 0, record.Delivered)
			s.state("client", "40000->80", record.Established, record.Close)
			verdict, answer = record.Refuted, "RST"
		}
		s.judge(record.Claim{
			ID: "no-answer", Text: "The data is not answered.", Verdict: verdict,
			Evidence: record.Evidence{{Name: "segments", Value: int64(3)}, {Name: "answer", Value: answer}, {Name: "took_ms", Value: s.run.Events[3].At.Milliseconds()}},
			Expected: record.Evidence{{Name: "answer", Value: "none"}},
		})
		s.call("server", "close", "0", "3")
		return &s.run
	}
	return []*record.Run{told("6.1.192", true), told("6.12.118", false)}
}

// manyRuns are several labs on several kernels, with all that can be the matter.
func manyRuns() []*record.Run {
	var runs []*record.Run
	for i, kernel := range []string{"5.10.262", "6.1.192", "6.12.118", "6.18.15"} {
		two := twoKernels()[min(i/2, 1)]
		two.Environment.Kernel = kernel
		six := *two
		six.Environment.IPv6 = true
		other := handshake()
		other.Lab, other.Environment.Kernel = "other", kernel
		other.Claims = slices.Clone(other.Claims)
		other.Claims[1].Evidence = record.Evidence{{Name: "segments during accept", Value: int64(i / 3)}}
		runs = append(runs, two, &six, other)
		if i == 1 {
			alone := fates()
			alone.Lab, alone.Environment.Kernel = "alone", kernel
			runs = append(runs, alone)
		}
		bad := broken()
		bad.Lab, bad.Environment.Kernel = "bad", kernel
		if i > 0 {
			bad.Outcome, bad.Error, bad.Claims = record.Expected, "", nil
		}
		runs = append(runs, bad)
	}
	return runs
}

func TestCompareGolden(t *testing.T) {
	for _, test := range []struct {
		name string
		runs []*record.Run
		CompareOptions
	}{
		{"compare-two", twoKernels(), CompareOptions{Options: Options{Width: 100}}},
		{"compare-two-80", twoKernels(), CompareOptions{Options: Options{Width: 80}}},
		{"compare-two-60", twoKernels(), CompareOptions{Options: Options{Width: 60}, All: true}},
		{"compare-two-color", twoKernels(), CompareOptions{Options: Options{Width: 80, Color: true}}},
		{"compare-same", []*record.Run{handshake(), handshake()}, CompareOptions{Options: Options{Width: 80}}},
		{"compare-many", manyRuns(), CompareOptions{Options: Options{Width: 100}}},
		{"compare-many-80", manyRuns(), CompareOptions{Options: Options{Width: 80, ASCII: true}, All: true}},
		{"compare-many-ladders", manyRuns(), CompareOptions{Options: Options{Width: 80}, Ladders: true}},
		{"compare-settings", settings(40), CompareOptions{Options: Options{Width: 80}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Compare(test.runs).Text(&b, test.CompareOptions); err != nil {
				t.Fatal(err)
			}
			inspect(t, b.String(), test.Options)
			golden(t, test.name+".golden", b.Bytes())
		})
	}
}

// settings are n runs of a lab, each with a setting of its own.
func settings(n int) []*record.Run {
	var runs []*record.Run
	for i := range n {
		r := twoKernels()[i%2]
		r.Environment.Kernel = "6.12.118"
		r.Given = []string{fmt.Sprintf("--n=%d", i)}
		runs = append(runs, r)
	}
	return runs
}

// Whatever a record can hold, a comparison shows it at every width, and as a page.
func TestCompareHostile(t *testing.T) {
	a, b := hostile(), hostile()
	b.Environment.Kernel += "\x1b[2J"
	b.Events = slices.Delete(slices.Clone(b.Events), 3, 6)
	b.Claims = slices.Clone(b.Claims)
	b.Claims[0].Verdict = record.Confirmed
	c := Compare([]*record.Run{a, b})
	for _, width := range []int{40, 60, 80, 100} {
		for bits := range 4 {
			o := CompareOptions{Options: Options{Width: width, Color: bits&1 != 0, ASCII: bits&2 != 0}, Ladders: true, All: bits&1 != 0}
			var text bytes.Buffer
			if err := c.Text(&text, o); err != nil {
				t.Fatal(err)
			}
			if !inspect(t, text.String(), o.Options) {
				t.Fatalf("with %+v", o)
			}
		}
	}
	var page bytes.Buffer
	if err := c.HTML(&page, CompareOptions{Ladders: true}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(page.String(), "\x1b\a\u009b") {
		t.Error("the page has a control character")
	}
}

// A page shows the ladders, the claims and who saw what; it has no script and asks for
// nothing.
func TestCompareHTML(t *testing.T) {
	for name, runs := range map[string][]*record.Run{"two": twoKernels(), "many": manyRuns(), "same": {handshake(), handshake()}} {
		var b bytes.Buffer
		if err := Compare(runs).HTML(&b, CompareOptions{}); err != nil {
			t.Fatal(err)
		}
		page := b.String()
		if strings.Contains(page, "<script") || handlers.MatchString(page) {
			t.Errorf("%s: the page has a script", name)
		}
		want := 0
		if name == "two" {
			want = 1
		}
		if got := strings.Count(page, "<figure"); got != want {
			t.Errorf("%s: the page has %d ladders, want %d", name, got, want)
		}
		for _, want := range map[string][]string{
			"two":  {"Linux 6.1.192", "no-answer", "answer = RST", `class="row version"`},
			"many": {"Other verdicts", "other things were seen", "Not complete", "--ipv6"},
			"same": {"no difference", "run 2"},
		}[name] {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q", name, want)
			}
		}
	}
}

// The JSON says which events of which run are another one's, with these events.
func TestCompareJSON(t *testing.T) {
	runs := twoKernels()
	var b bytes.Buffer
	if err := Compare(runs).JSON(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "null") {
		t.Error("null in " + b.String())
	}
	var got jsonComparison
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != CompareSchema || !got.Differs || len(got.Rows) != 1 || len(got.Rows[0].Parts) != 1 {
		t.Fatalf("it is %+v", got)
	}
	row := got.Rows[0]
	if diff := cmp.Diff(map[string][]string{"client:net.y": {"2", "none"}, "server:net.y": {"2", "none"}}, row.Sysctls); diff != "" {
		t.Error("sysctls (-want +got):\n" + diff)
	}
	if diff := cmp.Diff([]string{"", "judged"}, []string{row.Claims[0].Differ, row.Claims[1].Differ}); diff != "" {
		t.Error("claims (-want +got):\n" + diff)
	}
	a, c := 0, 0 // all events are in it, in order
	for _, s := range row.Parts[0].Stretches {
		if s.A.From != a || s.B.From != c {
			t.Errorf("a stretch begins at %d and %d, and the one before ended at %d and %d", s.A.From, s.B.From, a, c)
		}
		if s.Same != (s.A.Events == nil && s.B.Events == nil) || !s.Same && len(s.A.Events) != s.A.To-s.A.From {
			t.Errorf("same is %v with %d events", s.Same, len(s.A.Events))
		}
		a, c = s.A.To, s.B.To
	}
	if a != len(runs[0].Events) || c != len(runs[1].Events) {
		t.Errorf("it ends at %d and %d, want %d and %d", a, c, len(runs[0].Events), len(runs[1].Events))
	}
}

// What is another in every run of a lab is no difference.
func TestCompareNoise(t *testing.T) {
	a, b := counts(), counts()
	for _, r := range []*record.Run{a, b} {
		for _, e := range r.Events {
			if s, ok := e.Body.(*record.Segment); ok {
				s.Win = 64240 // one of 0 is a difference
				s.Options = "mss 1460,TS val 1 ecr 2"
			}
		}
	}
	b.Duration, b.HeldUp.For, b.Environment.Start = time.Minute, time.Second, time.Now()
	b.Environment.Privilege = "userns"
	for i, e := range b.Events {
		b.Events[i].At += time.Duration(i) * time.Millisecond
		switch v := e.Body.(type) {
		case *record.Segment:
			v.ID += 7
			v.Win, v.Raw, v.SentAt = v.Win+1, nil, time.Minute
			v.Options = "mss 1460,TS val 3 ecr 4"
			if v.Cause == "" {
				v.Cause = record.ByDelay
			}
		case *record.State:
			v.ExpiresMS, v.Retransmits = v.ExpiresMS+3, v.Retransmits+1
		case *record.Wait:
			v.LeftMS, v.WaitedMS = v.LeftMS+1, v.WaitedMS+5
		case *record.Counters:
			v.Rose["TCPDelivered"] = 5
		}
	}
	if c := Compare([]*record.Run{a, b}); c.Differs() || c.partings() != nil {
		var text strings.Builder
		_ = c.Text(&text, CompareOptions{})
		t.Error("they differ:\n" + text.String())
	}
}

// What differs is seen, and where: by as much as one row.
func TestCompareSees(t *testing.T) {
	change := func(f func(*record.Run)) *record.Run { r := handshake(); f(r); return r }
	segment := func(r *record.Run) *record.Segment {
		for _, e := range r.Events {
			if s, ok := e.Body.(*record.Segment); ok && s.Flags == "ACK" {
				return s
			}
		}
		panic("no ACK")
	}
	for name, r := range map[string]*record.Run{
		"a flag":         change(func(r *record.Run) { segment(r).Flags = "FIN,ACK" }),
		"a fate":         change(func(r *record.Run) { segment(r).Fate = record.Dropped }),
		"a number":       change(func(r *record.Run) { segment(r).Ack++ }),
		"a length":       change(func(r *record.Run) { segment(r).Len = 3 }),
		"a cause":        change(func(r *record.Run) { segment(r).Cause = record.ByProbe }),
		"a server port":  change(func(r *record.Run) { segment(r).Dst = netip.AddrPortFrom(segment(r).Dst.Addr(), 81) }),
		"a missing call": change(func(r *record.Run) { r.Events = r.Events[1:] }),
		"a state": change(func(r *record.Run) {
			for _, e := range slices.Backward(r.Events) {
				if s, ok := e.Body.(*record.State); ok {
					s.To = record.LastAck
					return
				}
			}
		}),
	} {
		c := Compare([]*record.Run{handshake(), r})
		if !c.Differs() || len(c.partings()) != 1 {
			t.Errorf("%s is not seen", name)
		}
		versions := versionsOf(c.Rows[0].Runs)
		others := 0
		for _, s := range stretches(&versions[0], &versions[1]) {
			if !s.same {
				others += max(s.toA-s.fromA, s.toB-s.fromB)
			}
		}
		if others > 3 {
			t.Errorf("%s is seen in %d rows", name, others)
		}
	}
}

// Where one run has more connections, those after them are the same again.
func TestComparePorts(t *testing.T) {
	with := func(n int) *record.Run {
		s := tell("Connections", "client", "server")
		s.listen(16)
		for i := range n {
			s.handshake(uint16(40000+i), 1)
		}
		s.part("One more")
		s.handshake(uint16(40000+n), 1)
		s.call("server", "accept", fmt.Sprint(4+n), "3")
		s.call("server", "read", "5", fmt.Sprint(4+n), `"hello"`, "4096")
		return &s.run
	}
	versions := versionsOf([]*record.Run{with(3), with(5)})
	parts := stretches(&versions[0], &versions[1])
	if last := parts[len(parts)-2]; !last.same || last.toA-last.fromA < 8 { // a tally follows
		t.Errorf("the connection after the others is not the same: %+v", parts)
	}
}

// A run that is not complete, or was late, makes no difference of its own.
func TestCompareProvesNothing(t *testing.T) {
	for _, test := range []struct {
		name              string
		change            func(*record.Run)
		differs, complete bool
	}{
		{"another ladder", func(*record.Run) {}, true, true},
		{"another ladder of a late run", func(r *record.Run) { r.Late = &record.Late{} }, false, true},
		{"a broken run", func(r *record.Run) { r.Outcome = record.Broken }, false, false},
		{"an interrupted run", func(r *record.Run) { r.Outcome = record.Interrupted }, false, false},
	} {
		a, b := handshake(), handshake()
		b.Events = b.Events[:len(b.Events)-3]
		test.change(b)
		c := Compare([]*record.Run{a, b})
		if c.Differs() != test.differs || (c.Incomplete() == nil) != test.complete {
			t.Errorf("%s: differs is %v, and incomplete are %d", test.name, c.Differs(), len(c.Incomplete()))
		}
	}
}

func TestLetters(t *testing.T) {
	for column, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA"} {
		if got := letter(column); got != want {
			t.Errorf("letter(%d) is %s, want %s", column, got, want)
		}
	}
	for want, columns := range map[string][]int{"": nil, "A": {0}, "A, B": {0, 1}, "A-C": {0, 1, 2}, "A, C-E, Z, AA": {0, 2, 3, 4, 25, 26}} {
		if got := letters(columns); got != want {
			t.Errorf("letters(%v) is %s, want %s", columns, got, want)
		}
	}
}

func TestCompareWriteFails(t *testing.T) {
	c := Compare(twoKernels())
	for name, write := range map[string]func(io.Writer, CompareOptions) error{
		"Text": c.Text, "HTML": c.HTML, "JSON": func(w io.Writer, _ CompareOptions) error { return c.JSON(w) },
	} {
		if err := write(failingWriter{}, CompareOptions{}); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s to a file that is closed: %v", name, err)
		}
	}
}
