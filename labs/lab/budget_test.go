package lab_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

// A run ends when its budget is used up: whether its story goes on for ever,
// spins, or is stuck in a system call. It is broken, and says where.
func TestBudget(t *testing.T) { // some of it keeps a processor busy: it runs alone
	claim := lab.Claim{ID: "it-is", Text: "It is.", Source: "here"}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	released := make(chan struct{})
	t.Cleanup(func() {
		close(released)
		unix.Close(pipe[1]) // ends the read
	})
	for name, test := range map[string]struct {
		story func(*lab.Script)
		last  string
	}{
		"goes on for ever": {func(s *lab.Script) {
			for listener := s.Server.Listen(80, 1); ; {
				listener.TryAccept()
			}
		}, "server: accept(3)"},
		"spins": {func(s *lab.Script) {
			s.Client.Socket()
			for done := false; !done; {
				select {
				case <-released:
					done = true
				default:
				}
			}
		}, "client: socket(AF_INET, SOCK_STREAM, 0)"},
		"is stuck in a system call": {func(s *lab.Script) {
			s.Server.Listen(80, 1)
			_, _ = unix.Read(pipe[0], make([]byte, 1)) // until the test ends
			s.Client.Socket()
		}, "server: listen(3, 1)"},
		"is interrupted whenever it waits": {func(s *lab.Script) {
			s.Server.Listen(80, 1)
			if err := need.FailFromNowOn(unix.SYS_PPOLL, unix.EINTR); err != nil {
				t.Error(err)
			}
			s.Wire.Next("SYN")
		}, "server: listen(3, 1)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r *record.Run
			want := ""
			// A busy machine may need more than the first budget for the story to come to
			// where it is stuck.
			for budget := time.Second; budget <= time.Minute; budget *= 4 {
				// The patience is longer than a run that is to end is waited for, and not
				// much: one that is always interrupted keeps a processor busy until then.
				o := lab.Options{Budget: budget, Patience: budget + 3*time.Second}
				var err error
				r, err = lab.Run(t.Context(), &lab.Lab{Name: "test", Claims: []lab.Claim{claim}, Script: func(s *lab.Script) {
					s.Expect("it-is", lab.Is("it", true, false)) // a surprise, for now
					test.story(s)
				}}, o)
				labtest.SkipIfMissing(t, err)
				if err != nil {
					continue // the hosts were not made by then
				}
				want = fmt.Sprintf("after %v, besides what it waited for timers of the kernel, the story had not ended; last came %s", budget, test.last)
				if complaint(r) == want {
					break
				}
			}
			if r == nil {
				t.Fatal("the hosts were never made in time")
			}
			if complaint(r) != want {
				t.Fatalf("broken: %s\nwant broken: %s", r.Error, want)
			}
			if r.Outcome != record.Broken {
				t.Errorf("outcome %s: %s", r.Outcome, r.Error)
			}
			if c := r.Claims[0]; c.Verdict != record.VerdictBroken || c.Surprise || c.Reason != "the run broke; until then it was refuted" {
				t.Errorf("the claim is %+v", c)
			}
		})
	}
}

// Waiting for a timer of the kernel costs the budget nothing.
func TestBudgetWaits(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	r := tell(t, lab.Options{Budget: 2 * time.Second}, func(s *lab.Script) {
		client := s.Client.Connect(s.Server.Listen(80, 1))
		s.Wire.Next("SYN").Drop()
		for range 3 {
			s.Wire.Of(client).Retransmission("client:SYN").Drop()
		}
	})
	if took := time.Since(begin); r.Error != "" || took < 3*time.Second {
		t.Errorf("after %v: %s", took, r.Error)
	}
}

// What is stuck before the story begins ends the run, too.
func TestBudgetHosts(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	o := lab.Faulty(lab.Options{Budget: 100 * time.Millisecond}, func(string, *rig.Instruments) { <-stuck })
	defer close(stuck)
	_, err := lab.Run(t.Context(), &lab.Lab{Name: "test", Script: func(*lab.Script) {}}, o)
	labtest.SkipIfMissing(t, err)
	if err == nil || err.Error() != "the hosts are not made after 100ms" {
		t.Errorf("error %v", err)
	}
}

// An interrupt ends even a run that is stuck.
func TestInterruptStuck(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	stuck := make(chan struct{})
	defer close(stuck)
	_, err := lab.Run(ctx, &lab.Lab{Name: "test", Script: func(*lab.Script) { cancel(); <-stuck }}, lab.Options{})
	labtest.SkipIfMissing(t, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A function of the caller's that fails breaks the run.
func TestCallbackFails(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left")
	claim := lab.Claim{ID: "it-is", Text: "It is.", Source: "here"}
	for name, o := range map[string]lab.Options{
		"OnStart": {OnStart: func(*record.Run) error { return full }},
		"OnEvent": {OnEvent: func(e record.Event) error {
			if v, ok := e.Body.(*record.Part); ok && v.Title == "the end" {
				return full
			}
			return nil
		}},
	} {
		r := tell(t, o, func(s *lab.Script) {
			s.Expect("it-is", lab.Is("it", true, true))
			s.Part("the end")
		}, claim)
		if r.Outcome != record.Broken || !strings.Contains(r.Error, full.Error()) || r.Claims[0].Verdict != record.VerdictBroken {
			t.Errorf("%s: outcome %s: %s; the claim is %s", name, r.Outcome, r.Error, r.Claims[0].Verdict)
		}
	}
}
