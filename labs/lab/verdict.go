package lab

import (
	"fmt"
	"maps"
	"slices"
	"sync"

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
}

func (v *verdicts) add(id string, j judged) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.given == nil {
		v.given = map[string]judged{}
	}
	v.given[id] = j
}

func (v *verdicts) snapshot() map[string]judged {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.given)
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
	claim := &r.lab.Claims[i]
	if claim.When != nil && !claim.When(r.args) {
		r.fail(fmt.Errorf("claim %s is no part of a run with these knobs", id))
	}
	if _, twice := r.verdicts.given[id]; twice {
		r.fail(fmt.Errorf("claim %s was judged twice", id))
	}
	c := claim.record()
	c.Verdict, c.Reason = found.Verdict, found.Reason
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
	return fmt.Sprintf("the story was held up: it came to %s %d ms after the %s timer of the %s's %s had run out",
		l.Before, l.By.Milliseconds(), l.Timer, l.Host, l.Socket)
}

// beginning is what of the record is known before the story begins.
func (r *run) beginning() *record.Run {
	environment, _ := r.begun.get()
	return &record.Run{
		Lab: r.lab.Name, Title: r.lab.Title, Outcome: record.Expected, States: record.Stepped,
		Environment: environment, Args: r.args,
	}
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
// for how long a fault had been there when it showed. A late run is broken by
// something else: what was judged before it was late stands.
func (r *run) record(events []record.Event) *record.Run {
	rec := r.beginning()
	rec.Events, rec.Counters, rec.Duration = events, r.counters, r.duration
	rec.HeldUp, rec.Late = r.heldUp, r.late
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
	for _, c := range r.lab.Claims {
		if c.When != nil && !c.When(r.args) {
			continue
		}
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
		if rec.Error != "" && !(r.late != nil && r.verdicts.given[c.ID].punctual) {
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
