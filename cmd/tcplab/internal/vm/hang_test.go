package vm

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

// An emulator that works without getting anywhere hangs, and so does one that does
// nothing; one that works after tcplab has started does not, nor one that waits in real
// time.
func TestWatch(t *testing.T) {
	t.Parallel()
	const never = time.Hour
	for name, test := range map[string]struct {
		command string
		watch   *watch
		greeted bool
		want    string
	}{
		"busy before tcplab starts": {"while :; do :; done", &watch{boot: time.Second, still: never}, false, "it hangs: tcplab has not started in it after 1s of a processor's time"},
		"busy":                      {"while :; do :; done", &watch{boot: time.Second, still: never}, true, ""},
		"still":                     {"exec sleep 100", &watch{boot: never, still: time.Second}, true, "it hangs: it waits for nothing that will happen"},
		"waiting in real time":      {"exec sleep 100", &watch{boot: never, still: time.Second, realTime: true}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("/bin/sh", "-c", test.command)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}()
			limit := time.Minute // a busy machine gives a processor's second late
			if test.want == "" {
				limit = 4 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			ctx, hung := context.WithCancelCause(ctx)
			test.watch.greeted.Store(test.greeted)
			test.watch.over(ctx, cmd.Process, hung)
			got := ""
			if cause := context.Cause(ctx); cause != context.DeadlineExceeded {
				got = cause.Error()
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
