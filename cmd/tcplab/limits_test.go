package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
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
var oneLine = regexp.MustCompile(`\Atcplab: .*(EMFILE|too many open files(\); to fix it: ulimit -n 1024)?)\n\z`)

// A limit under which no run can be is told before anything is done.
func TestTooFewDescriptors(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	for limit := 4; limit < 40; limit += 5 {
		out, err := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" fourway`, limit), binary).CombinedOutput()
		want := fmt.Sprintf("tcplab: a run needs 40 descriptors (ulimit -n allows %d); to fix it: ulimit -n 1024\n", limit)
		if ordinary() && string(out) == "tcplab: a run needs more descriptors (too many open files); to fix it: ulimit -n 1024\n" {
			want = string(out) // there are too few even for the way to where that is said
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || string(out) != want {
			t.Errorf("ulimit -n %d: %v, %s", limit, err, out)
		}
	}
}

// Where there is no room for one of what a flag counts, or for as many as a lab makes by
// itself, it is this machine that can't, and the user asked for nothing wrong.
func TestNoRoomForOne(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	for _, test := range []struct{ limit, args, needed string }{
		{"40", "noaccept", "43"},
		{"40", "noaccept --n 100", "43"},
		{"40", "backlog --n 4", "55"},
		{"40", "backlog", "55"},
		{"60", "backlog", "182"},
	} {
		out, err := exec.Command("sh", "-c", `ulimit -n `+test.limit+`; exec `+binary+` `+test.args).CombinedOutput()
		want := "tcplab: a run needs " + test.needed + " descriptors (ulimit -n allows " + test.limit + "); to fix it: ulimit -n 1024\n"
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || string(out) != want {
			t.Errorf("ulimit -n %s, %s: %v, %s, want %s", test.limit, test.args, err, out, want)
		}
	}
}

// Where an ordinary user may have too few processes and threads that is told before
// the Go runtime asks for one too many. Root may have any number.
func TestTooFewThreads(t *testing.T) {
	t.Parallel()
	user.orSkip(t)
	prlimit := requireProgram(t, "prlimit")
	free := 1<<30 + os.Getpid() // a user who has no other processes
	said := func(what, mend string) *regexp.Regexp {
		return regexp.MustCompile(`\A` + what + ` \d+ processes and threads \(ulimit -u allows \d+\)` + mend + `\n\z`)
	}
	one := said("tcplab: a run needs", "; to fix it: ulimit -u 1024")
	// More than one run needs, and less than all do.
	some := strconv.Itoa(28 + 2*runtime.NumCPU() + 3)
	for _, test := range []struct {
		limit, args string
		want        *regexp.Regexp
	}{
		{"16", "fourway", one},
		{"16", "all", one},
		{"16", "all --jobs 1", one},
		{"16", "play -", one},
		{"16", "doctor", said("MISSING +a run +needs", `\n +to fix it: +ulimit -u 1024`)},
		{some, "all", said(`tcplab: \d+ runs side by side need`, "; to fix it: ulimit -u 1024, or --jobs 1")},
	} {
		cmd := exec.Command(prlimit, append([]string{"--nproc=" + test.limit, binary}, strings.Fields(test.args)...)...)
		var out []byte
		err := elsewhere(free, openNode, func() (err error) { out, err = cmd.CombinedOutput(); return err })
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || !test.want.Match(out) {
			t.Errorf("ulimit -u %s, %s: %v, %s, want %v", test.limit, test.args, err, out, test.want)
		}
	}
	if out, err := exec.Command(prlimit, "--nproc=1", binary, "fourway").CombinedOutput(); err != nil && !heldUp(err, string(out)) {
		t.Errorf("root: %v, %s", err, out)
	}
}

// Few addresses are enough, and nothing is said of what makes do with them: Starlark
// would have 4 GB more.
func TestFewAddresses(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("sh", "-c", "ulimit -v 2000000; exec "+binary+" version").CombinedOutput()
	if err != nil || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%v, %s", err, out)
	}
}
