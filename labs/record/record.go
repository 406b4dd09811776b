// Package record holds what happened in a run, as plain data: an ordered list
// of events, the environment they happened in, and a verdict on each claim.
// Everything that tcplab shows is made from a Run alone.
//
// The JSON form is a contract, named by Schema and described in docs/json.md.
package record

import (
	"net/netip"
	"slices"
	"time"
)

// Schema names the JSON form of a Run.
const Schema = "tcplab.run/2"

// A Run is one run of a lab, a story file or a command.
type Run struct {
	Lab         string // the command ("noaccept"), or the name of the file
	Title       string // what the run shows, in one sentence
	Outcome     Outcome
	Error       string // what ended the story early; empty unless Outcome is Broken
	Environment Environment
	States      Exactness
	HeldUp      HoldUp
	Late        *Late             // nil where no timer of the kernel ran out unawaited
	Args        map[string]string // the lab's knobs, as they were in force
	// Given are the flags that the user gave and that decide what happens, as they
	// are typed: "--n=5". IPv6 and Trace are in the environment.
	Given []string
	// Windows is set where the run is about windows: views show each segment's.
	Windows  bool
	Events   []Event
	Claims   []Claim
	Counters map[string]map[string]int64 // host → counter → increase during the run
	Duration time.Duration               // of the story, without setting up the hosts
}

// An Outcome sums up a run.
type Outcome string

// The outcomes of a run.
const (
	Expected Outcome = "expected" // every verdict was the catalogue's
	Surprise Outcome = "surprise" // a fact was refuted, or a myth confirmed
	Broken   Outcome = "broken"   // the instrument failed, so the run proves nothing
	// Interrupted is a run that the user has ended. Its claims are those that were
	// judged by then.
	Interrupted Outcome = "interrupted"
)

// An Exactness says when the states of sockets were read.
type Exactness string

// The exactness of a run's states.
const (
	Stepped Exactness = "stepped" // both ends were still: nothing moved until the states were read
	Live    Exactness = "live"    // just after the event; the programs may have gone on
)

// A HoldUp is a time for which the story made no progress though it waited for
// nothing: the machine, a debugger or a signal has stopped it. In a Live run it is how
// late, at the most, a segment was carried.
type HoldUp struct {
	For    time.Duration
	Before string // what came next: "client: close(3)"
}

// A Late says which timer of the kernel was the first to run out while the story
// was held up. What the kernel did then is no part of the story, so what was
// judged from there on proves something only where it agrees with the catalogue.
type Late struct {
	At           time.Duration // since the start; the timer's end was seen to be past
	Host, Socket string        // as in State
	// Timer is as in State, or "delack"; "" where it was set and over before it was seen;
	// or "idle", where the connection was idle for as long as a retransmission timeout.
	Timer  string
	By     time.Duration // how long it was over by then
	Before string        // as in HoldUp
}

// A Host is one network stack of a run.
type Host struct {
	Name      string       `json:"name"`
	Addresses []netip.Addr `json:"addresses"` // the first is the one that it connects from
}

// Environment is what a run's behaviour may depend on.
type Environment struct {
	Kernel    string `json:"kernel"`    // uname -r
	Tcplab    string `json:"tcplab"`    // tcplab's own version
	Privilege string `json:"privilege"` // "root", or "userns": an ordinary user in a user namespace
	IPv6      bool   `json:"ipv6"`
	// Start is when the story began, by the machine's clock: UTC, to the
	// microsecond. It is the zero time where the record does not hold it.
	Start time.Time `json:"start,omitzero"`
	// Trace names the tracepoints that were recorded, and TraceLacks what this
	// kernel does not have of them. Both are empty without --trace.
	Trace      []string `json:"trace,omitempty"`
	TraceLacks []string `json:"trace_lacks,omitempty"`
	// Hosts are the hosts of the run, in the order in which they are shown.
	Hosts []Host `json:"hosts"`
	// Sysctls holds for each host every sysctl that was pinned, overridden or
	// is read by the lab, with the value read back from the kernel.
	Sysctls map[string]map[string]string `json:"sysctls"`
}

// A Claim is one documented statement and what the run says of it.
type Claim struct {
	ID       string  `json:"id"`
	Text     string  `json:"text"`
	Source   string  `json:"source"`
	Myth     bool    `json:"myth"`            // widely written down, and expected to be refuted
	Truth    string  `json:"truth,omitempty"` // for a myth: what holds instead
	Verdict  Verdict `json:"verdict"`
	Surprise bool    `json:"surprise"`
	Reason   string  `json:"reason,omitempty"` // why it is inapplicable or broken
	// Slow is set where it is inapplicable for no other reason than that the machine
	// was too slow: another run may judge it.
	Slow     bool     `json:"slow,omitempty"`
	Evidence Evidence `json:"evidence"`
	// Expected holds the wanted value of each piece of evidence that had one.
	Expected Evidence `json:"expected,omitempty"`
}

// A Verdict is what a run says of a claim.
type Verdict string

// The verdicts.
const (
	Confirmed     Verdict = "confirmed"
	Refuted       Verdict = "refuted"
	Inapplicable  Verdict = "inapplicable" // this kernel or these arguments lack what it needs
	VerdictBroken Verdict = "broken"       // the instrument failed; never evidence
)

// IsSurprise reports whether v is another verdict than the catalogue expects.
func (v Verdict) IsSurprise(myth bool) bool {
	if myth {
		return v == Confirmed
	}
	return v == Refuted
}

// HostOf returns the name of the host that has the address, or "".
func (e *Environment) HostOf(a netip.Addr) string {
	for _, h := range e.Hosts {
		if slices.Contains(h.Addresses, a) {
			return h.Name
		}
	}
	return ""
}
