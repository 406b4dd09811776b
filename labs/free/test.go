package free

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
)

// T is what Test needs of a *testing.T: a program that has no tests need not import
// package testing.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// testTimeout bounds what a client of Test takes.
const testTimeout = time.Minute

// Test runs a server and a client, lines for the shell, in a test whose TestMain calls
// Main first. Each of says is a rule or an expectation: "rule drop server:SYN,ACK#1",
// "expect client exits 0". The test fails where a rule has not acted, an expectation does
// not hold, or a program has failed; and it is skipped where this machine does not
// allow the run. A run that the machine holds up is made again.
func Test(t T, server, client string, says ...string) *record.Run {
	t.Helper()
	o := Options{
		Server: server, Client: []string{"sh", "-c", client}, Timeout: testTimeout,
		Output: func(host, line string) { t.Logf("%s: %s", host, line) },
	}
	for _, text := range says {
		var err error
		var r *Rule
		var e *Expectation
		switch kind, rest, _ := strings.Cut(text, " "); kind {
		case "rule":
			if r, err = ParseRule(rest); err == nil {
				o.Rules = append(o.Rules, r)
			}
		case "expect":
			if e, err = ParseExpectation(rest); err == nil {
				o.Expect = append(o.Expect, e)
			}
		default:
			err = errors.New("want rule or expect before it")
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	}
	r := punctual(t, func() *record.Run {
		r, err := Run(context.Background(), o)
		var missing *machine.MissingError
		switch {
		case errors.As(err, &missing):
			t.Skipf("%v", missing)
		case err != nil:
			t.Fatalf("%v", err)
		}
		return r
	})
	for _, c := range r.Claims {
		if c.Surprise {
			t.Errorf("%s %s: refuted; seen %v", strings.TrimPrefix(c.Source, "--"), c.ID, c.Evidence)
		}
	}
	for _, e := range r.Events {
		if p, ok := e.Body.(*record.Program); ok && p.Does == record.Fails {
			t.Errorf("%s", p.Why)
		}
	}
	return r
}

// attempts is how many runs of a Test the machine may hold up: such a run is no evidence.
const attempts = 5

// punctual runs until the machine has held up nothing that matters.
func punctual(t T, run func() *record.Run) *record.Run {
	t.Helper()
	for range attempts {
		switch r := run(); {
		case r.Outcome != record.Broken:
			return r
		case r.HeldUp.For < leastTimer:
			t.Fatalf("the instrument broke: %s", r.Error)
		default:
			t.Logf("%s", r.Error)
		}
	}
	t.Fatalf("the machine has held up %d runs", attempts)
	return nil
}
