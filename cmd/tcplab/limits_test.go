package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// With few descriptors a number that does not fit is refused, and the refusal
// names ulimit -n and the largest that does fit.
func TestDescriptorLimit(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	for _, test := range []struct{ limit, flag, lab string }{
		{"200", "--n", "noaccept"},
		{"200", "--n", "backlog"},
		{"200", "--n", "backlog --drain"},
		{"200", "--clients", "backlog --n 4"},
		{"60", "--n", "backlog"},
	} {
		t.Run(test.lab+" "+test.limit, func(t *testing.T) {
			t.Parallel()
			most := regexp.MustCompile(`\Atcplab: ` + test.flag + ` \d+: at most (\d+) fit \(ulimit -n allows ` + test.limit + ` descriptors, and there are \d+ client ports\)\n\z`)
			run := func(n string) (stderr string) {
				t.Helper()
				cmd := exec.Command("sh", "-c", `ulimit -n `+test.limit+`; exec "$0" "$@"`, binary)
				cmd.Args = append(append(cmd.Args, strings.Fields(test.lab)...), "--quiet", test.flag, n)
				_, err := cmd.Output()
				var exit *exec.ExitError
				if errors.As(err, &exit) && exit.ExitCode() == 2 {
					return string(exit.Stderr)
				}
				if err != nil {
					t.Fatalf("%v: %v", cmd.Args, err)
				}
				return ""
			}
			largest := func(n string) string {
				t.Helper()
				stderr := run(n)
				found := most.FindStringSubmatch(stderr)
				if found == nil {
					t.Fatalf("%s %s: stderr is %q, want %v", test.flag, n, stderr, most)
				}
				return found[1]
			}
			n := largest("5000")
			if stderr := run(n); stderr != "" {
				t.Errorf("%s is said to fit, and is refused: %s", n, stderr)
			}
			var next int
			fmt.Sscan(n, &next)
			if again := largest(fmt.Sprint(next + 1)); again != n {
				t.Errorf("at most %s fit, and then %s", n, again)
			}
		})
	}
}

// Where descriptors are used up, a run is broken or does not begin. It says so
// in one line or in its verdicts, with status 3, and no claim is judged.
func TestDescriptorsUsedUp(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	const limit = 60
	broken := 0
	for free := 5; free <= 20; free++ {
		cmd := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, limit), binary, "fourway", "--json")
		for range limit - 3 - free {
			cmd.ExtraFiles = append(cmd.ExtraFiles, null)
		}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		if err == nil {
			continue // there was room
		}
		broken++
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || !oneLine.MatchString(stderr.String()) {
			t.Errorf("%d free: %v, %s", free, err, &stderr)
		}
		if regexp.MustCompile(`"verdict":"(confirmed|refuted)","surprise":[a-z]+,"(reason|evidence)"`).Match(stdout.Bytes()) {
			t.Errorf("%d free: a claim was judged: %s", free, &stdout)
		}
	}
	if broken < 5 {
		t.Errorf("descriptors were used up %d times", broken)
	}
}

// An ordinary user's tcplab may be told so before it is in its user namespace.
var oneLine = regexp.MustCompile(`\Atcplab: .*too many open files(\); to mend it: ulimit -n 1024)?\n\z`)

// A limit under which no run can be is told before anything is done.
func TestTooFewDescriptors(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	for limit := 4; limit < 40; limit += 5 {
		out, err := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" fourway`, limit), binary).CombinedOutput()
		want := fmt.Sprintf("tcplab: a run needs 40 descriptors (ulimit -n allows %d); to mend it: ulimit -n 1024\n", limit)
		if ordinary() && string(out) == "tcplab: a run needs more descriptors (too many open files); to mend it: ulimit -n 1024\n" {
			want = string(out) // there are too few even for the way to where that is said
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || string(out) != want {
			t.Errorf("ulimit -n %d: %v, %s", limit, err, out)
		}
	}
}
