package free

import (
	"fmt"
	"slices"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

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
	if h := c.heldUp(); h.For >= tellsHoldUp {
		all = append(all, fmt.Sprintf("the machine has held the wire up, for %d ms before %s: timers of the hosts may have run out meanwhile", h.For.Milliseconds(), h.Before))
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
