package free

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tcplab/tcplab/labs/internal/pattern"
	"github.com/tcplab/tcplab/labs/record"
)

// An Expectation is what a run is to show. It is made by ParseExpectation.
type Expectation struct {
	text string
	host string
	kind expected
	on   pattern.Pattern // of wasSeen and notSeen
	seen int
	// state is a kernel's name of a state; "" where status is what is expected.
	state  string
	least  int // of hasStates: so many, and no more than most
	most   int
	status int // of exits
}

type expected int

const (
	wasSeen expected = iota
	notSeen
	isState   // all connections of the host are in it in the end
	wasState  // one was
	hasStates // so many are in the end
	exits
	stillRuns
)

// ParseExpectation reads an expectation: see Expectations. The error is a *GrammarError.
func ParseExpectation(text string) (*Expectation, error) {
	e := &Expectation{text: strings.Join(strings.Fields(text), " ")}
	if err := e.parse(strings.Fields(text)); err != nil {
		return nil, &GrammarError{"expectation", text, err, Expectations}
	}
	return e, nil
}

// String returns the expectation as it was written.
func (e *Expectation) String() string { return e.text }

func (e *Expectation) parse(words []string) (err error) {
	n := len(words)
	if n < 2 {
		return errors.New("there is too little in it")
	}
	if words[n-1] == "seen" {
		e.kind, words = wasSeen, words[:n-1]
		if last := len(words) - 1; words[last] == "not" {
			e.kind, words = notSeen, words[:last]
		}
		e.on, err = parseSegment(strings.Join(words, " "))
		return err
	}
	if e.host = words[0]; e.host != Client && e.host != Server {
		return fmt.Errorf("%q is no host: there are %s and %s", e.host, Client, Server)
	}
	atEnd := n > 3 && words[n-2] == "at" && words[n-1] == "end"
	switch verb := words[1]; {
	case verb == "is" && n == 5 && atEnd:
		e.kind = isState
		return e.parseState(words[2])
	case verb == "was" && n == 3:
		e.kind = wasState
		return e.parseState(words[2])
	case verb == "has" && n == 6 && atEnd:
		e.kind = hasStates
		low, high, _ := strings.Cut(words[2]+"-"+words[2], "-")
		high, _, _ = strings.Cut(high, "-")
		e.least, err = strconv.Atoi(low)
		if err == nil {
			e.most, err = strconv.Atoi(high)
		}
		if err != nil || e.least > e.most || e.least < 0 {
			return fmt.Errorf("%q is no number", words[2])
		}
		return e.parseState(words[3])
	case verb == "runs" && n == 4 && atEnd:
		e.kind = stillRuns
		return nil
	case verb == "exits" && n == 3:
		e.kind = exits
		e.status, err = strconv.Atoi(words[2])
		if err != nil || e.status < 0 || e.status > 255 {
			return fmt.Errorf("%q is no exit status", words[2])
		}
		return nil
	}
	return errors.New("it is none of these")
}

// running is what is said of a program that has not ended.
const running = "running"

// gone is said for CLOSE, which is what the kernel calls it.
const gone = "gone"

func (e *Expectation) parseState(text string) error {
	if e.state = text; text == gone {
		e.state = record.Close
	}
	if !slices.Contains(record.SocketStates, e.state) {
		return fmt.Errorf("no state is called %q; there are %s and %s", text, strings.Join(record.SocketStates, ", "), gone)
	}
	return nil
}

// meets counts a segment that a host has sent.
func (e *Expectation) meets(s pattern.Segment) {
	if (e.kind == wasSeen || e.kind == notSeen) && e.on.Matches(s) {
		e.seen++
	}
}

// An outcome is what expectations are held against.
type outcome struct {
	now  map[string][]string        // host → the states of its connections in the end
	was  map[string]map[string]bool // host → all states that they were in
	exit map[string]string          // host → how its program has ended: a status, or a signal
}

// judge says whether the expectation holds, and by what that is known.
func (e *Expectation) judge(o outcome) *record.Claim {
	c := &record.Claim{ID: e.text, Source: "--expect", Evidence: record.Evidence{}}
	say := func(name string, seen, want any) {
		c.Evidence = append(c.Evidence, record.Fact{Name: name, Value: seen})
		c.Expected = append(c.Expected, record.Fact{Name: name, Value: want})
		c.Verdict = record.Confirmed
		if seen != want {
			c.Verdict = record.Refuted
		}
	}
	switch e.kind {
	case wasSeen:
		c.Text = "A host sends " + e.on.String() + "."
		say("seen", e.seen >= max(1, e.on.Nth), true)
		c.Evidence = append(c.Evidence, record.Fact{Name: "such segments", Value: int64(e.seen)})
	case notSeen:
		c.Text = "No host sends " + e.on.String() + "."
		say("seen", e.seen >= max(1, e.on.Nth), false)
		c.Evidence = append(c.Evidence, record.Fact{Name: "such segments", Value: int64(e.seen)})
	case isState:
		c.Text = fmt.Sprintf("In the end all connections of the %s are in %s.", e.host, e.state)
		seen := counted(o.now[e.host])
		want := seen
		if slices.ContainsFunc(o.now[e.host], func(s string) bool { return s != e.state }) || len(o.now[e.host]) == 0 {
			want = e.state
		}
		say(e.host, seen, want)
	case wasState:
		c.Text = fmt.Sprintf("A connection of the %s is in %s at some time.", e.host, e.state)
		say("seen", o.was[e.host][e.state], true)
	case hasStates:
		n := 0
		for _, s := range o.now[e.host] {
			if s == e.state {
				n++
			}
		}
		c.Text = fmt.Sprintf("In the end %d to %d connections of the %s are in %s.", e.least, e.most, e.host, e.state)
		want := min(max(n, e.least), e.most)
		say(e.state, int64(n), int64(want))
	case stillRuns:
		c.Text = fmt.Sprintf("The %s's program has not ended in the end.", e.host)
		say("program", o.exit[e.host], running)
	case exits:
		c.Text = fmt.Sprintf("The %s's program ends with the exit status %d.", e.host, e.status)
		say("exit status", o.exit[e.host], strconv.Itoa(e.status))
	}
	c.Surprise = c.Verdict == record.Refuted
	return c
}

// counted says how many of each there are: "2 CLOSE, 1 CLOSE_WAIT".
func counted(states []string) string {
	if len(states) == 0 {
		return "no connection"
	}
	count := map[string]int{}
	for _, s := range states {
		count[s]++
	}
	if len(count) == 1 && len(states) == 1 {
		return states[0]
	}
	var words []string
	for _, s := range record.SocketStates {
		if count[s] > 0 {
			words = append(words, fmt.Sprintf("%d %s", count[s], s))
		}
	}
	return strings.Join(words, ", ")
}
