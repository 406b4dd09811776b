// Package journal is the ordered record of a run's events while they happen.
//
// One goroutine writes it. Snapshot alone may be called from others, for a run
// whose goroutine is stuck.
package journal

import (
	"slices"
	"sync"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// A Journal is the events of one run.
type Journal struct {
	start   time.Time
	observe func(record.Event) error // may be nil
	before  func() error             // may be nil
	told    int                      // how many of the events observe has been given
	wait    *wait                    // nil where none goes on

	mu     sync.Mutex // held to change events, and to read them from elsewhere
	events []record.Event
}

// A wait is one that goes on.
type wait struct {
	record.Wait
	begin  time.Time
	events int // how many there were when it began
}

// New returns an empty Journal of a run that begins at start. Before each event
// before is called, which may AddLate what has happened in the meantime; observe
// is given each event in the journal's order. Either may be nil. Their errors are
// those of Add.
func New(start time.Time, before func() error, observe func(record.Event) error) *Journal {
	return &Journal{start: start, before: before, observe: observe}
}

// Since returns the time of an event: whole microseconds, as a record has it.
func (j *Journal) Since(t time.Time) time.Duration { return t.Sub(j.start).Truncate(time.Microsecond) }

// Start returns when the run began.
func (j *Journal) Start() time.Time { return j.start }

// Add appends an event that happens now.
func (j *Journal) Add(b record.Body) error {
	if j.before != nil {
		if err := j.before(); err != nil {
			return err
		}
	}
	j.insert(len(j.events), record.Event{At: j.Since(time.Now()), Body: b})
	return j.tell()
}

func (j *Journal) insert(i int, e record.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = slices.Insert(j.events, i, e)
}

// AddLate adds an event that is known a moment after it has happened. One that
// the story's own thread has passed (inOrder) comes after all that is recorded,
// whatever a microsecond between two clocks' readings says; another stands where
// its time is.
func (j *Journal) AddLate(at time.Duration, b record.Body, inOrder bool) error {
	e := record.Event{At: min(at.Truncate(time.Microsecond), j.Since(time.Now())), Body: b}
	i := len(j.events)
	for ; i > 0 && j.events[i-1].At > e.At; i-- {
		if inOrder {
			e.At = j.events[i-1].At
			break
		}
	}
	j.insert(i, e)
	if j.wait != nil && i < j.wait.events {
		j.wait.events++
	}
	if i >= j.told {
		return j.tell()
	}
	j.told++ // too late for its place
	if j.observe != nil {
		return j.observe(e)
	}
	return nil
}

// tell gives observe the events that it has not had: what comes during a wait is
// told when the wait is over, after it.
func (j *Journal) tell() error {
	if j.observe == nil || j.wait != nil {
		return nil
	}
	for j.told < len(j.events) {
		j.told++
		if err := j.observe(j.events[j.told-1]); err != nil {
			return err
		}
	}
	return nil
}

// BeginWait notes that a wait for a timer of the kernel begins now.
func (j *Journal) BeginWait(w record.Wait) { j.wait = &wait{w, time.Now(), len(j.events)} }

// WaitedFor changes what the wait that goes on was for, where something else has
// come.
func (j *Journal) WaitedFor(what string) {
	if j.wait != nil {
		j.wait.For = what
	}
}

// EndWait records that the wait is over, before what has come during it: the
// timer has led to that. It returns nil where none went on.
func (j *Journal) EndWait() (*record.Wait, error) {
	if j.wait == nil {
		return nil, nil
	}
	w := j.wait
	j.wait = nil
	w.WaitedMS = max(1, time.Since(w.begin).Milliseconds())
	at := j.Since(time.Now())
	if w.events < len(j.events) {
		at = j.events[w.events].At
	}
	j.insert(w.events, record.Event{At: at, Body: &w.Wait})
	return &w.Wait, j.tell()
}

// Events returns the events so far. The slice is valid until the next is added.
func (j *Journal) Events() []record.Event { return j.events }

// Snapshot returns a copy of the events so far. It may be called from any
// goroutine.
func (j *Journal) Snapshot() []record.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.events)
}
