package free

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/record"
)

// A run is one run of programs.
type run struct {
	o       Options
	path    string // of the client's program
	rules   []*Rule
	expect  []*Expectation
	own     []stack.Setting              // with Options.HostSysctls: this machine's
	sysctls map[string]map[string]string // host → key → value, as configured

	g              *rig.Rig
	carrier        *carrier
	client, server *program
	listening      []netip.AddrPort // that were seen
	ending         bool             // the programs are being ended
	environment    record.Environment
	claims         []record.Claim
	counters       map[string]map[string]int64
	duration       time.Duration
	failure        error
	notes          []string // what the user is to know besides
}

// tell is the run, on its thread.
func (r *run) tell(g *rig.Rig) {
	r.g = g
	defer func() {
		r.client.close()
		r.server.close()
	}()
	r.failure = r.begin()
	if r.failure == nil {
		r.failure = r.live()
	}
	if g.Journal == nil {
		return
	}
	r.end()
}

func (r *run) begin() error {
	g := r.g
	if err := g.Begin(r.o.OnEvent); err != nil {
		return err
	}
	var err error
	if r.environment, err = g.Environment(); err != nil {
		return err
	}
	r.environment.Tcplab, r.environment.Sysctls = r.o.Version, r.sysctls
	if r.o.OnStart != nil {
		if err := r.o.OnStart(r.beginning()); err != nil {
			return err
		}
	}
	if r.o.Fast {
		if err := g.Journal.Add(&record.Note{Text: "--fast: a segment may be a burst of many"}); err != nil {
			return err
		}
	}
	r.carrier = newCarrier(g, r.rules, r.expect, r.o.Fold)
	return r.settleAll()
}

// settleAll starts the inits of both hosts, and waits until they are ready.
func (r *run) settleAll() error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	stdin := r.o.Stdin
	if stdin == nil {
		stdin = null
	}
	for _, h := range r.g.Hosts {
		if err := h.Enter(); err != nil {
			return err
		}
		if h.Name == Server {
			r.server, err = r.settle(h, r.o.Server, null)
		} else {
			r.client, err = r.settle(h, commandText(r.o.Client), stdin)
		}
		if err != nil {
			return err
		}
	}
	return r.until(time.Time{}, func() (bool, error) { return r.client.ready && r.server.ready, nil })
}

// commandText is a command as a shell takes it.
func commandText(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if quoted[i] = w; w == "" || strings.ContainsAny(w, " \t\n'\"\\$`&|;<>()*?[]{}!#~") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// until carries until done reports true, which is asked whenever something has
// happened, and at next, if that is not the zero time.
func (r *run) until(next time.Time, done func() (bool, error)) error {
	told := true // an init may have something to tell
	for turn := 0; ; turn++ {
		any, err := r.carrier.step()
		if err != nil {
			return err
		}
		if any && turn%busyTurns != 0 {
			continue
		}
		if told || any {
			for _, p := range []*program{r.client, r.server} {
				if err := r.hear(p); err != nil {
					return err
				}
			}
		}
		over, err := done()
		if over || err != nil {
			return err
		}
		if any {
			if r.g.Ended() {
				return errInterrupted
			}
			continue
		}
		wake := next
		if at := r.carrier.next(); !at.IsZero() && (wake.IsZero() || at.Before(wake)) {
			wake = at
		}
		if told, err = r.g.Watch(wake, r.fds()...); err != nil {
			return err
		}
		if !next.IsZero() && !time.Now().Before(next) {
			next = time.Now().Add(glance)
		}
	}
}

// busyTurns is how often the wire is looked after before anything else is, where there
// is always something on it.
const busyTurns = 16

// fds become readable when an init has something to tell.
func (r *run) fds() []int {
	var fds []int
	for _, p := range []*program{r.client, r.server} {
		if !p.over {
			fds = append(fds, p.pid1.FD())
		}
	}
	return fds
}

// glance is how often is looked for what nothing tells of: a socket that begins to
// listen, or is gone.
const glance = time.Millisecond

// live runs the programs.
func (r *run) live() error {
	if r.o.Server != "" {
		if err := r.start(r.server, []string{"/bin/sh", "sh", "-c", r.o.Server}); err != nil {
			return err
		}
		if up, err := r.awaitListen(); err != nil || !up {
			return err
		}
	}
	if err := r.start(r.client, append([]string{r.path}, r.o.Client...)); err != nil {
		return err
	}
	if err := r.awaitClient(); err != nil {
		return err
	}
	return r.linger()
}

// awaitClient carries until the client has ended.
func (r *run) awaitClient() error {
	var over time.Time
	if r.o.Timeout > 0 {
		over = time.Now().Add(r.o.Timeout)
	}
	return r.until(over, func() (bool, error) {
		if !over.IsZero() && !time.Now().Before(over) && !r.client.ended {
			r.client.fails("the client has not ended after %v", r.o.Timeout)
			return true, nil
		}
		return r.client.ended, nil
	})
}

// fails notes that a program has failed, and how.
func (p *program) fails(format string, args ...any) { p.why = fmt.Sprintf(format, args...) }

func (r *run) notef(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// linger carries until all connections are closed, and the server has ended if that is
// expected, or for as long as the user wants;
// and for as long as a rule keeps something that it is to let go.
func (r *run) linger() error {
	over := time.Now().Add(max(0, r.o.Linger))
	return r.until(time.Now(), func() (bool, error) {
		if len(r.carrier.late) > 0 {
			return false, nil
		}
		if !time.Now().Before(over) {
			return true, nil
		}
		if r.awaitsExit() {
			return false, nil
		}
		return r.quiet()
	})
}

// awaitsExit reports whether it matters how the server ends, and it has not yet: its last
// connection may be closed a moment before.
func (r *run) awaitsExit() bool {
	return !r.server.ended && slices.ContainsFunc(r.expect, func(e *Expectation) bool { return e.kind == exits && e.host == Server })
}

// quiet reports whether nothing more is to be expected of any connection.
func (r *run) quiet() (bool, error) {
	for _, h := range r.g.Hosts {
		for _, e := range h.Ends() {
			if e.Remote.Port() == 0 || !e.Known {
				continue
			}
			if err := e.GlimpseApart(false); err != nil {
				return false, err
			}
			if s := e.Seen.State; s != record.Close && s != record.TimeWait {
				return false, nil
			}
		}
	}
	return true, nil
}
