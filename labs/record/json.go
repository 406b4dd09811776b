package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonRun is Run with the names and the order of the contract.
type jsonRun struct {
	Schema      string                      `json:"schema"`
	Lab         string                      `json:"lab"`
	Title       string                      `json:"title"`
	Outcome     Outcome                     `json:"outcome"`
	Error       string                      `json:"error,omitempty"`
	Environment Environment                 `json:"environment"`
	Args        map[string]string           `json:"args"`
	Events      []Event                     `json:"events"`
	Claims      []Claim                     `json:"claims"`
	Counters    map[string]map[string]int64 `json:"counters"`
	DurationUS  int64                       `json:"duration_us"`
}

// WriteJSON writes the record as one line. It goes event by event, so that a
// long run takes no more memory than a short one.
func (r *Run) WriteJSON(w io.Writer) error {
	j := jsonRun{
		Schema: Schema, Lab: r.Lab, Title: r.Title, Outcome: r.Outcome, Error: r.Error,
		Environment: r.Environment, Args: r.Args, Events: []Event{}, Claims: r.Claims,
		Counters: r.Counters, DurationUS: r.Duration.Microseconds(),
	}
	j.fill()
	whole, err := marshal(j)
	if err != nil {
		return err
	}
	const events = `"events":[`
	// Strings are quoted in JSON, so this can't be found inside of one.
	at := bytes.Index(whole, []byte(events)) + len(events)
	out := bufio.NewWriter(w)
	out.Write(whole[:at]) // bufio keeps the first error for Flush
	for i, e := range r.Events {
		line, err := e.MarshalJSON()
		if err != nil {
			return err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(line)
	}
	out.Write(whole[at:])
	out.WriteByte('\n')
	return out.Flush()
}

// fill makes what is empty an empty list or object: nobody should have to check
// for null.
func (j *jsonRun) fill() {
	if j.Args == nil {
		j.Args = map[string]string{}
	}
	if j.Claims == nil {
		j.Claims = []Claim{}
	}
	if j.Counters == nil {
		j.Counters = map[string]map[string]int64{}
	}
	if j.Environment.Hosts == nil {
		j.Environment.Hosts = map[string]string{}
	}
	if j.Environment.Sysctls == nil {
		j.Environment.Sysctls = map[string]map[string]string{}
	}
}

// marshal is json.Marshal without its care for HTML: a socket's name is to be
// found as it is, "80<-40000".
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return harmless(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), err
}

// harmless escapes what a terminal would act on and encoding/json lets through:
// C1 control characters, and those that change the order of text. In JSON all
// that is not ASCII stands in a string.
func harmless(text []byte) []byte {
	acts := func(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }
	if !bytes.ContainsFunc(text, acts) {
		return text
	}
	var b []byte
	for _, r := range string(text) {
		if !acts(r) {
			b = utf8.AppendRune(b, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			b = fmt.Appendf(b, `\u%04x`, unit)
		}
	}
	return b
}

// UnmarshalJSON implements json.Unmarshaler. It refuses another schema.
func (r *Run) UnmarshalJSON(data []byte) error {
	var j jsonRun
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	if j.Schema != Schema {
		return fmt.Errorf("schema is %q, want %q", j.Schema, Schema)
	}
	read := Run{
		Lab: j.Lab, Title: j.Title, Outcome: j.Outcome, Error: j.Error,
		Environment: j.Environment, Args: j.Args, Events: j.Events, Claims: j.Claims,
		Counters: j.Counters, Duration: time.Duration(j.DurationUS) * time.Microsecond,
	}
	if err := read.check(); err != nil {
		return err
	}
	*r = read
	return nil
}

// check refuses words that the schema does not have: a report that did not know
// them would pass them over, and show a surprise as none.
func (r *Run) check() error {
	if !slices.Contains([]Outcome{Expected, Surprise, Broken}, r.Outcome) {
		return fmt.Errorf("unknown outcome %q", r.Outcome)
	}
	for _, c := range r.Claims {
		if !slices.Contains(verdicts, c.Verdict) {
			return fmt.Errorf("claim %q: unknown verdict %q", c.ID, c.Verdict)
		}
	}
	for i, e := range r.Events {
		switch v := e.Body.(type) {
		case *Segment:
			if !slices.Contains([]Fate{Delivered, Dropped, Held, Injected}, v.Fate) {
				return fmt.Errorf("event %d: unknown fate %q", i, v.Fate)
			}
		case *Kernel:
			if !slices.Contains(Tracepoints, v.Event) {
				return fmt.Errorf("event %d: unknown tracepoint %q", i, v.Event)
			}
			if !slices.Contains([]Context{InCall, InSegment, InTimer}, v.Context) {
				return fmt.Errorf("event %d: unknown context %q", i, v.Context)
			}
		case *VerdictGiven:
			if !slices.Contains(verdicts, v.Verdict) {
				return fmt.Errorf("event %d: unknown verdict %q", i, v.Verdict)
			}
		}
	}
	return nil
}

var verdicts = []Verdict{Confirmed, Refuted, Inapplicable, VerdictBroken}

// head is what every event has; a body's own fields follow it.
type head struct {
	TUS  int64  `json:"t_us"`
	Kind string `json:"kind"`
}

// segmentJSON adds the time that Segment keeps as a Duration.
type segmentJSON struct {
	*Segment
	SentUS int64 `json:"sent_us"`
}

// MarshalJSON implements json.Marshaler: one flat object, t_us and kind first.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Body == nil {
		return nil, fmt.Errorf("event at %v has no body", e.At)
	}
	first := fmt.Appendf(nil, `{"t_us":%d,"kind":%q,`, e.At.Microseconds(), e.Body.kind())
	var body any = e.Body
	switch v := e.Body.(type) {
	case *Segment:
		body = segmentJSON{Segment: v, SentUS: v.SentAt.Microseconds()}
	case *Call:
		if v.Args == nil {
			filled := *v
			filled.Args = []string{}
			body = &filled
		}
	}
	rest, err := marshal(body)
	if err != nil {
		return nil, err
	}
	return append(first, rest[1:]...), nil // rest is an object with fields
}

// UnmarshalJSON implements json.Unmarshaler. It refuses a kind it does not know.
func (e *Event) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		return fmt.Errorf("event is null")
	}
	var h head
	if err := json.Unmarshal(data, &h); err != nil {
		return err
	}
	e.At = time.Duration(h.TUS) * time.Microsecond
	switch h.Kind {
	case "call":
		e.Body = &Call{}
	case "segment":
		s := segmentJSON{Segment: &Segment{}}
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		s.SentAt = time.Duration(s.SentUS) * time.Microsecond
		e.Body = s.Segment
		return nil
	case "state":
		e.Body = &State{}
	case "wait":
		e.Body = &Wait{}
	case "kernel":
		e.Body = &Kernel{}
	case "verdict":
		e.Body = &VerdictGiven{}
	case "part":
		e.Body = &Part{}
	default:
		return fmt.Errorf("event of unknown kind %q", h.Kind)
	}
	return json.Unmarshal(data, e.Body)
}
