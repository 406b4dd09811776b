package free

import (
	"errors"
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
	listening      []listener
	ending         bool // the programs are being ended
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
	for turn := 0; ; turn++ {
		any, err := r.carrier.step()
		if err != nil {
			return err
		}
		if any && turn%busyTurns != 0 {
			continue
		}
		for _, p := range []*program{r.client, r.server} {
			if err := r.hear(p); err != nil {
				return err
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
		if err := r.g.Watch(wake, r.fds()...); err != nil {
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

// linger carries until all connections are closed, or for as long as the user wants;
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
		return r.quiet()
	})
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

// end takes in what is left to be seen, judges, and ends the programs.
func (r *run) end() {
	note := func(err error) {
		if err != nil && (r.failure == nil || !broken(r.failure)) {
			r.failure = err
		}
	}
	r.duration = r.g.Journal.Since(time.Now())
	if r.client != nil && r.server != nil {
		note(r.lastLook())
		r.judge()
		note(r.tellFailures())
	}
	r.ending = true
	note(r.endPrograms())
	var err error
	r.counters, err = r.g.Counters()
	note(err)
	note(r.g.Intact())
}

// lastLook tells what was only counted, and looks at all sockets once more.
func (r *run) lastLook() error {
	if err := r.carrier.tellAll(); err != nil {
		return err
	}
	for _, h := range r.g.Hosts {
		for _, e := range h.Ends() {
			if !e.Known {
				continue
			}
			if err := e.GlimpseApart(false); err != nil {
				return err
			}
		}
	}
	for _, text := range r.remarks() {
		if err := r.g.Journal.Add(&record.Note{Text: text}); err != nil {
			return err
		}
	}
	return nil
}

// remarks are what the user is to know besides.
func (r *run) remarks() []string {
	c := r.carrier
	var all []string
	if n := len(c.held); n > 0 {
		all = append(all, count(n, "segment was", "segments were")+" held to the end: what was to let go has not come")
	}
	var protocols []string
	for p := range c.others {
		protocols = append(protocols, p)
	}
	slices.Sort(protocols)
	for _, p := range protocols {
		all = append(all, count(c.others[p], "packet of "+p+" has", "packets of "+p+" have")+" passed untouched")
	}
	if c.strays > 0 {
		all = append(all, count(c.strays, "packet was lost that was", "packets were lost that were")+" for neither host")
	}
	return append(all, r.notes...)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// tellFailures tells which program has failed. The client may where its exit status is
// expected.
func (r *run) tellFailures() error {
	c := r.client
	foreseen := slices.ContainsFunc(r.expect, func(e *Expectation) bool {
		return e.host == Client && (e.kind == exits && c.ended || e.kind == stillRuns)
	})
	switch {
	case foreseen:
		c.why = ""
	case c.failed():
		c.fails("the client's program has ended with %s", c.how())
	}
	for _, p := range []*program{r.client, r.server} {
		if p.why == "" {
			continue
		}
		err := r.g.Journal.Add(&record.Program{Host: p.host.Name, Command: p.command, Does: record.Fails, Status: p.status, Signal: p.signal, Why: p.why})
		if err != nil {
			return err
		}
	}
	return nil
}

// endPrograms ends the programs, and carries what they send meanwhile, so that no
// socket of theirs outlives the run for long.
func (r *run) endPrograms() error {
	if r.client == nil || r.server == nil {
		return nil
	}
	if r.carrier != nil {
		r.carrier.over()
	}
	for _, p := range []*program{r.client, r.server} {
		if err := p.pid1.End(); err != nil {
			p.over = true // it has ended before
		}
	}
	if r.g.Ended() {
		return nil
	}
	return r.until(time.Time{}, func() (bool, error) { return r.client.over && r.server.over, nil })
}

// beginning is the record of a run that has just begun.
func (r *run) beginning() *record.Run {
	return &record.Run{
		Lab: "run", Title: r.title(), Outcome: record.Expected, Environment: r.environment,
		States: record.Live, Given: r.o.Given,
	}
}

func (r *run) title() string {
	if r.o.Server == "" {
		return commandText(r.o.Client)
	}
	return commandText(r.o.Client) + "  to  " + r.o.Server
}

// record makes the record.
func (r *run) record() *record.Run {
	rec := r.beginning()
	rec.Duration, rec.Counters, rec.Claims = r.duration, r.counters, r.claims
	if r.g.Journal != nil {
		rec.Events = r.g.Journal.Events()
	}
	for _, c := range rec.Claims {
		if c.Surprise {
			rec.Outcome = record.Surprise
		}
	}
	switch {
	case errors.Is(r.failure, errInterrupted):
		rec.Outcome = record.Interrupted
	case r.failure != nil:
		rec.Outcome, rec.Error = record.Broken, r.failure.Error()
		for i := range rec.Claims {
			c := &rec.Claims[i]
			c.Reason, c.Verdict, c.Surprise = fmt.Sprintf("the run broke; until then it was %s", c.Verdict), record.VerdictBroken, false
		}
	}
	return rec
}

// judge judges the rules and the expectations.
func (r *run) judge() {
	for _, rule := range r.rules {
		r.claims = append(r.claims, *rule.judge(&r.carrier.sent))
	}
	o := outcome{now: map[string][]string{}, was: map[string]map[string]bool{}, exit: map[string]string{
		Client: r.client.how(), Server: r.server.how(),
	}}
	for _, h := range r.g.Hosts {
		for _, e := range h.Ends() {
			if e.Known && e.Remote != (netip.AddrPort{}) {
				o.now[h.Name] = append(o.now[h.Name], e.Seen.State)
			}
		}
	}
	for _, e := range r.g.Journal.Events() {
		if s, ok := e.Body.(*record.State); ok && s.Remote.IsValid() {
			if o.was[s.Host] == nil {
				o.was[s.Host] = map[string]bool{}
			}
			o.was[s.Host][s.To] = true
		}
	}
	for _, e := range r.expect {
		r.claims = append(r.claims, *e.judge(o))
	}
}

// judge says whether the rule has acted: one that has not has tested nothing.
func (r *Rule) judge(sent *seenSegments) *record.Claim {
	c := &record.Claim{
		ID: r.text, Source: "--rule", Text: "The rule acts.", Verdict: record.Confirmed,
		Evidence: record.Evidence{{Name: "acted", Value: int64(r.hits)}},
	}
	if r.hits > 0 {
		return c
	}
	c.Verdict, c.Surprise = record.Refuted, true
	c.Text = "The rule acts. It never has: the run has not tested what it was to test."
	var words []string
	for _, name := range sent.order {
		words = append(words, fmt.Sprintf("%d %s", sent.count[name], name))
	}
	if words != nil {
		c.Evidence = append(c.Evidence, record.Fact{Name: "sent", Value: strings.Join(words, ", ")})
	}
	return c
}
