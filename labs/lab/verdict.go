package lab

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/record"
)

// A judged is a claim with its verdict.
type judged struct {
	*record.Claim
	punctual bool // no timer of the kernel had run out unawaited by then
}

// verdicts are those given so far. Where the story's thread is stuck they are
// read from elsewhere.
type verdicts struct {
	mu    sync.Mutex
	given map[string]judged
	added []string // of claims that the story made itself, in their order
}

func (v *verdicts) add(id string, j judged) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.given == nil {
		v.given = map[string]judged{}
	}
	v.given[id] = j
}

// snapshot returns a copy of them.
func (v *verdicts) snapshot() (given map[string]judged, added []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.given), slices.Clone(v.added)
}

// make adds a claim of the story's own.
func (v *verdicts) make(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.added = append(v.added, id)
}

// beginning is what is known when the story begins.
type beginning struct {
	mu          sync.Mutex
	begun       bool
	environment record.Environment
}

func (b *beginning) set(e record.Environment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.environment, b.begun = e, true
}

func (b *beginning) get() (record.Environment, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.environment, b.begun
}

// judge gives the verdict on a claim of the lab, once.
func (r *run) judge(id string, found record.Claim) {
	i := slices.IndexFunc(r.lab.Claims, func(c Claim) bool { return c.ID == id })
	if i < 0 {
		r.fail(fmt.Errorf("claim %s: the lab has none of that name", id))
	}
	r.judgeOf(&r.lab.Claims[i], found)
}

func (r *run) judgeOf(claim *Claim, found record.Claim) {
	id := claim.ID
	if claim.When != nil && !claim.When(r.args) {
		r.fail(fmt.Errorf("claim %s is no part of a run with these knobs", id))
	}
	if _, twice := r.verdicts.given[id]; twice {
		r.fail(fmt.Errorf("claim %s was judged twice", id))
	}
	c := claim.record()
	c.Verdict, c.Reason, c.Slow = found.Verdict, found.Reason, found.Slow
	c.Evidence, c.Expected = found.Evidence, found.Expected
	c.Surprise = c.Verdict.IsSurprise(claim.Myth)
	late := r.rig.Late("the verdict on " + id)
	if late != nil && c.Surprise {
		// What the kernel did meanwhile is no part of the story.
		c.Verdict, c.Surprise = record.VerdictBroken, false
		c.Reason = fmt.Sprintf("it was %s, but %s", found.Verdict, tooLate(late))
	}
	r.verdicts.add(id, judged{c, late == nil})
	r.add(&record.VerdictGiven{Claim: id, Verdict: c.Verdict, Surprise: c.Surprise})
}

// tooLate says what a run was too late for.
func tooLate(l *record.Late) string {
	after := fmt.Sprintf("the %s timer of the %s's %s had run out", l.Timer, l.Host, l.Socket)
	switch l.Timer {
	case "":
		after = fmt.Sprintf("a timer of the %s's %s may have run out unseen", l.Host, l.Socket)
	case rig.Idle:
		after = fmt.Sprintf("the %s's %s had been idle for as long as a retransmission timeout", l.Host, l.Socket)
	}
	return fmt.Sprintf("the story was held up: it came to %s %d ms after %s", l.Before, l.By.Milliseconds(), after)
}

// beginning is what of the record is known before the story begins.
func (r *run) beginning() *record.Run {
	environment, _ := r.begun.get()
	return &record.Run{
		Lab: r.lab.Name, Title: r.lab.Title, Outcome: record.Expected, States: record.Stepped,
		Environment: environment, Args: r.args, Given: r.flags(), Windows: r.lab.Windows,
	}
}

// flags are those that the user gave, as they are typed, with the values in force.
func (r *run) flags() []string {
	given := []string{}
	for _, k := range r.lab.Knobs {
		if _, ok := r.options.Args[k.Name]; !ok {
			continue
		}
		value := "=" + r.args[k.Name]
		if k.Switch {
			value = map[bool]string{true: "", false: "=false"}[r.args.On(k.Name)]
		}
		given = append(given, "--"+k.Name+value)
	}
	if r.options.HostSysctls {
		given = append(given, "--host-sysctls")
	}
	for _, s := range r.options.Sysctls {
		key := s.Key
		if s.Side != "" {
			key = s.Side + ":" + key
		}
		given = append(given, "--sysctl="+key+"="+s.Value)
	}
	return given
}

// finish makes the record out of what was seen.
func (r *run) finish() *record.Run {
	var events []record.Event
	if r.rig.Journal != nil {
		events = r.rig.Journal.Events()
	}
	return r.record(events)
}

// record makes the record. In a broken run all claims are broken: nobody knows
// for how long a fault had been there when it showed. A run that is broken because
// it was late is another matter: what was judged before it was late stands.
func (r *run) record(events []record.Event) *record.Run {
	rec := r.beginning()
	rec.Events, rec.Counters, rec.Duration = events, r.counters, r.duration
	rec.HeldUp, rec.Late = r.heldUp, r.late
	if !r.faulty && errors.Is(r.failure, rig.ErrCanceled) {
		return r.interrupted(rec)
	}
	switch {
	case r.failure != nil && r.late != nil:
		rec.Error = tooLate(r.late) + "; then: " + r.failure.Error()
	case r.failure != nil:
		rec.Error = r.failure.Error()
	case r.disturbed && r.late != nil:
		rec.Error = tooLate(r.late) + ", and the record shows what that led to"
	case r.disturbed:
		rec.Error = "the machine's clocks and timers were so late that the kernel did less, or more, than it does in time"
	}
	for _, c := range r.claims() {
		given, ok := r.verdicts.given[c.ID]
		if !ok {
			given = judged{Claim: c.record()}
			given.Verdict = record.VerdictBroken
			given.Reason = "the story ended before it was judged"
			if rec.Error == "" {
				rec.Error = fmt.Sprintf("claim %s was not judged", c.ID)
			}
		}
		if given.Verdict == record.VerdictBroken && rec.Error == "" {
			rec.Error = tooLate(r.late)
		}
		rec.Claims = append(rec.Claims, *given.Claim)
	}
	for i := range rec.Claims {
		c := &rec.Claims[i]
		if rec.Error != "" && (r.faulty || r.late == nil || !r.verdicts.given[c.ID].punctual) {
			unprove(c)
		}
		if c.Surprise {
			rec.Outcome = record.Surprise
		}
	}
	if rec.Error != "" {
		rec.Outcome = record.Broken
	}
	return rec
}

// claims are the lab's claims that are part of the run, and then those that the
// story has made itself.
func (r *run) claims() []Claim {
	var all []Claim
	for _, c := range r.lab.Claims {
		if c.When == nil || c.When(r.args) {
			all = append(all, c)
		}
	}
	for _, id := range r.verdicts.added {
		all = append(all, Claim{ID: id})
	}
	return all
}

// interrupted fills in the record of a run that the user has ended: what was judged
// by then stands.
func (r *run) interrupted(rec *record.Run) *record.Run {
	rec.Outcome = record.Interrupted
	for _, c := range r.claims() {
		if given, ok := r.verdicts.given[c.ID]; ok {
			rec.Claims = append(rec.Claims, *given.Claim)
		}
	}
	return rec
}

// unprove takes back the verdict on a claim of a broken run. The verdict's event
// still tells of it.
func unprove(c *record.Claim) {
	if c.Verdict == record.VerdictBroken {
		return
	}
	c.Reason = fmt.Sprintf("the run broke; until then it was %s", c.Verdict)
	c.Verdict, c.Surprise = record.VerdictBroken, false
}

func (c *Claim) record() *record.Claim {
	return &record.Claim{ID: c.ID, Text: c.Text, Source: c.Source, Myth: c.Myth, Truth: c.Truth, Evidence: record.Evidence{}}
}
