package main

import (
	"errors"
	"fmt"
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
