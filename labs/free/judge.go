package free

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/tcplab/tcplab/labs/internal/pattern"
	"github.com/tcplab/tcplab/labs/record"
)

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
	if r.carrier != nil {
		rec.HeldUp = r.carrier.heldUp()
	}
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
		breaks(rec, func(*record.Claim) bool { return true }, "the run broke; until then it was %s")
	case rec.Outcome == record.Surprise && rec.HeldUp.For >= leastTimer:
		rec.Outcome = record.Broken
		rec.Error = fmt.Sprintf("the machine has held the wire up, for %d ms before %s: what has not come out may be due to that", rec.HeldUp.For.Milliseconds(), rec.HeldUp.Before)
		breaks(rec, func(c *record.Claim) bool { return c.Surprise }, "it was %s, but in a run that was held up")
	}
	return rec
}

// breaks makes claims of a record broken, for a reason that names what they were.
func breaks(rec *record.Run, which func(*record.Claim) bool, reason string) {
	for i := range rec.Claims {
		if c := &rec.Claims[i]; which(c) {
			c.Reason, c.Verdict, c.Surprise = fmt.Sprintf(reason, c.Verdict), record.VerdictBroken, false
		}
	}
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

// seenSegments are how often hosts have sent which segments, for the message about a
// rule that has never acted.
type seenSegments struct {
	count map[string]int
	order []string
}

func (s *seenSegments) add(p pattern.Segment) {
	name := p.From + ":" + pattern.Plain(p.Flags).String()
	if p.Len > 0 {
		name = p.From + ":data"
	}
	if s.count == nil {
		s.count = map[string]int{}
	}
	if s.count[name]++; s.count[name] == 1 {
		s.order = append(s.order, name)
	}
}
