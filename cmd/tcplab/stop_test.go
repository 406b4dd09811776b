package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	catalogue "github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

var stops = flag.Int("stops", 20, "runs that TestStop stops for a while")

// stopsAbreast are the runs that are stopped side by side: they only wait.
const stopsAbreast = 20

// A run that is stopped for a while, whenever and for how long that is, surprises
// nobody. If it has no surprise it has told the story that it tells otherwise, but
// where a claim is inapplicable for it; if it broke, it says that it was held up.
func TestStop(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	program := ownBinary(t)
	all := catalogue.All()
	sound := make([]*stopped, len(all))
	beside(len(all), stopsAbreast, func(i int) {
		var err error
		for range labtest.Attempts { // beside the others, the machine may hold it up, too
			if sound[i], err = stop(program, all[i].Name, 0, 0); err != nil || !sound[i].heldUp() {
				break
			}
		}
		if err != nil || sound[i].status != 0 {
			t.Errorf("%s, undisturbed: %v %+v", all[i].Name, err, sound[i])
		}
	})
	if t.Failed() {
		return
	}
	var mu sync.Mutex
	ends := map[int]int{} // by the exit status
	beside(*stops, stopsAbreast, func(i int) {
		of := i % len(all)
		whole := sound[of]
		at := time.Duration(spread(i, 0.618) * float64(whole.took))
		length := 200*time.Millisecond + time.Duration(spread(i, 0.383)*float64(2800*time.Millisecond))
		where := fmt.Sprintf("%s, stopped for %v after %v of %v", all[of].Name, length, at, whole.took)
		got, err := stop(program, all[of].Name, at, length)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			return
		}
		mu.Lock()
		ends[got.status]++
		mu.Unlock()
		switch {
		case got.status == 3:
			if !got.heldUp() {
				t.Errorf("%s: it broke: %s; it said %q", where, got.run.Error, got.stderr)
			}
		case got.status != 0:
			t.Errorf("%s: exit status %d, outcome %s, late %+v: %s", where, got.status, got.run.Outcome, got.run.Late, got.stderr)
		case got.inapplicable() <= whole.inapplicable() && got.ladder != whole.ladder:
			t.Errorf("%s: late %+v; the ladder is\n%s\nand otherwise\n%s", where, got.run.Late, got.ladder, whole.ladder)
		}
	})
	t.Logf("exit statuses, and how often: %v", ends)
}

// spread returns numbers from 0 to 1 that lie apart for neighbouring i.
func spread(i int, step float64) float64 {
	x := float64(i) * step
	return x - float64(int(x))
}

// beside calls f with 0 to n-1, so many at once as abreast says.
func beside(n, abreast int, f func(int)) {
	turns := make(chan struct{}, abreast)
	var running sync.WaitGroup
	for i := range n {
		turns <- struct{}{}
		running.Go(func() {
			defer func() { <-turns }()
			f(i)
		})
	}
	running.Wait()
}

// stopped is what came of a run.
type stopped struct {
	run    record.Run
	ladder string
	took   time.Duration
	status int
	stderr string
}

// heldUp reports whether the run broke, and says that it was held up.
func (s *stopped) heldUp() bool {
	return s.status == 3 && strings.Contains(s.run.Error, "held up") && strings.Contains(s.stderr, "held up")
}

func (s *stopped) inapplicable() (n int) {
	for _, c := range s.run.Claims {
		if c.Verdict == record.Inapplicable {
			n++
		}
	}
	return n
}

// stop runs a lab and stops it after some time for a length, if that is not 0.
func stop(program, lab string, after, length time.Duration) (*stopped, error) {
	cmd := exec.Command(program, lab, "--json")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if length > 0 {
		<-time.After(after) // a moment of its life
		for _, s := range []os.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
			if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return nil, err
			}
			if s == syscall.SIGSTOP {
				<-time.After(length)
			}
		}
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	s := &stopped{took: time.Since(begin), status: cmd.ProcessState.ExitCode(), stderr: stderr.String()}
	if err := json.Unmarshal(stdout.Bytes(), &s.run); err != nil {
		return nil, fmt.Errorf("%w; exit status %d, it said %q", err, s.status, s.stderr)
	}
	var ladder strings.Builder
	err = report.Ladder(&ladder, &s.run, report.Options{Width: 100})
	s.ladder = ladder.String()
	return s, err
}
