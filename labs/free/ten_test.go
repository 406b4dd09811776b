package free_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs/free"
)

// What docs/run.md says of Go tests.
func TestInTenLines(t *testing.T) {
	t.Parallel()
	free.Test(t, "", "exit 0", "expect client exits 0", "expect client:SYN not seen")
}

// seen is a test that is watched.
type seen struct {
	*testing.T
	errors, fatal string
}

type stopped struct{}

func (s *seen) Errorf(format string, args ...any) { s.errors += fmt.Sprintf(format, args...) + "\n" }

func (s *seen) Fatalf(format string, args ...any) {
	s.fatal = fmt.Sprintf(format, args...)
	panic(stopped{})
}

// What the command would report with its exit status fails the test.
func TestFailsTests(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"rule drop client:SYN":  "rule drop client:SYN: refuted",
		"expect client exits 1": "expect client exits 1: refuted",
	} {
		s := &seen{T: t}
		free.Test(s, "", "exit 0", text)
		if !strings.Contains(s.errors, want) {
			t.Errorf("%s: it reports %q, want %q", text, s.errors, want)
		}
	}
	s := &seen{T: t}
	if free.Test(s, "", "exit 3"); s.errors != "the client's program has ended with 3\n" {
		t.Errorf("it reports %q", s.errors)
	}
	for _, wrong := range []string{"drop client:SYN", "rule drop", "expect much"} {
		func() {
			s := &seen{T: t}
			defer func() {
				if recover() != (stopped{}) || s.fatal == "" {
					t.Errorf("%q is taken: %q", wrong, s.fatal)
				}
			}()
			free.Test(s, "", "exit 0", wrong)
		}()
	}
}
