package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// head and tail are Run with the names and the order of the contract: what
// stands before the events and what follows them, in one object.
type head struct {
	Schema      string            `json:"schema"`
	Lab         string            `json:"lab"`
	Title       string            `json:"title"`
	Outcome     Outcome           `json:"outcome"`
	Error       string            `json:"error,omitempty"`
	Environment Environment       `json:"environment"`
	States      Exactness         `json:"states"`
	HeldUp      jsonHoldUp        `json:"held_up"`
	Late        *jsonLate         `json:"late,omitempty"`
	Args        map[string]string `json:"args"`
	Given       []string          `json:"given"`
	Windows     bool              `json:"windows,omitempty"`
}

type tail struct {
	Claims     []Claim                     `json:"claims"`
	Counters   map[string]map[string]int64 `json:"counters"`
	DurationUS int64                       `json:"duration_us"`
}

type jsonHoldUp struct {
	ForUS  int64  `json:"for_us"`
	Before string `json:"before"`
}

type jsonLate struct {
	TUS    int64  `json:"t_us"`
	Host   string `json:"host"`
	Socket string `json:"socket"`
	Timer  string `json:"timer"`
	ByUS   int64  `json:"by_us"`
	Before string `json:"before"`
}

func (l *Late) json() *jsonLate {
	if l == nil {
		return nil
	}
	return &jsonLate{l.At.Microseconds(), l.Host, l.Socket, l.Timer, l.By.Microseconds(), l.Before}
}

func (l *jsonLate) read() *Late {
	if l == nil {
		return nil
	}
	return &Late{microseconds(l.TUS), l.Host, l.Socket, l.Timer, microseconds(l.ByUS), l.Before}
}

func microseconds(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// WriteJSON writes the record as one line. It goes event by event, so that a
// long run takes no more memory than a short one.
func (r *Run) WriteJSON(w io.Writer) error {
	before, after := r.parts()
	first, err := marshal(before)
	if err != nil {
		return err
	}
	last, err := marshal(after)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	out.Write(first[:len(first)-1]) // bufio keeps the first error for Flush
	out.WriteString(`,"events":[`)
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
	out.WriteString("],")
	out.Write(last[1:])
	out.WriteByte('\n')
	return out.Flush()
}

// WarmJSON lets encoding/json learn the types of a record. That takes it twice as
// long as to write a short one, so whoever will write one may do it beside the run.
func WarmJSON() {
	bodies := []Body{&Call{}, &Segment{}, &State{}, &Counters{}, &Wait{}, &VerdictGiven{}, &Part{}}
	r := Run{Claims: []Claim{{}}}
	for _, b := range bodies {
		r.Events = append(r.Events, Event{Body: b})
	}
	_ = r.WriteJSON(io.Discard)
}

// parts are all of the record but its events. What is empty is an empty list or
// object: nobody should have to check for null.
func (r *Run) parts() (head, tail) {
	h := head{
		Schema: Schema, Lab: r.Lab, Title: r.Title, Outcome: r.Outcome, Error: r.Error,
		Environment: r.Environment, States: r.States,
		HeldUp: jsonHoldUp{r.HeldUp.For.Microseconds(), r.HeldUp.Before}, Late: r.Late.json(), Args: r.Args, Given: r.Given, Windows: r.Windows,
	}
	t := tail{Claims: r.Claims, Counters: r.Counters, DurationUS: r.Duration.Microseconds()}
	if h.Args == nil {
		h.Args = map[string]string{}
	}
	if h.Given == nil {
		h.Given = []string{}
	}
	h.Environment.Hosts = make([]Host, len(r.Environment.Hosts))
	for i, host := range r.Environment.Hosts {
		if host.Addresses == nil {
			host.Addresses = []netip.Addr{}
		}
		h.Environment.Hosts[i] = host
	}
	if h.Environment.Sysctls == nil {
		h.Environment.Sysctls = map[string]map[string]string{}
	}
	if t.Claims == nil {
		t.Claims = []Claim{}
	}
	if t.Counters == nil {
		t.Counters = map[string]map[string]int64{}
	}
	return h, t
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

// UnmarshalJSON implements json.Unmarshaler. It refuses another schema, before
// it looks at anything else.
func (r *Run) UnmarshalJSON(data []byte) error {
	var is struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &is); err != nil {
		return err
	}
	if is.Schema != Schema {
		return schemaError(is.Schema)
	}
	var j struct {
		head
		Events []Event `json:"events"`
		tail
	}
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	read := Run{
		Lab: j.Lab, Title: j.Title, Outcome: j.Outcome, Error: j.Error, Environment: j.Environment,
		States: j.States, HeldUp: HoldUp{microseconds(j.HeldUp.ForUS), j.HeldUp.Before}, Late: j.Late.read(),
		Args: j.Args, Given: j.Given, Windows: j.Windows, Events: j.Events, Claims: j.Claims,
		Counters: j.Counters, Duration: microseconds(j.DurationUS),
	}
	if err := read.check(); err != nil {
		return err
	}
	*r = read
	return nil
}

// schemaError says why a record of another schema is not read.
func schemaError(schema string) error {
	err := fmt.Errorf("schema is %q, want %q", schema, Schema)
	if schema == "tcplab.run/1" {
		err = fmt.Errorf("%w; it was written by an older tcplab", err)
	}
	return err
}

// check refuses words that the schema does not have: a report that did not know
// them would pass them over, and show a surprise as none.
func (r *Run) check() error {
	if !slices.Contains([]Outcome{Expected, Surprise, Broken, Interrupted}, r.Outcome) {
		return fmt.Errorf("unknown outcome %q", r.Outcome)
	}
	if !slices.Contains([]Exactness{Stepped, Live}, r.States) {
		return fmt.Errorf("unknown states %q: want %q or %q", r.States, Stepped, Live)
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
			if !slices.Contains(causes, v.Cause) {
				return fmt.Errorf("event %d: unknown cause %q", i, v.Cause)
			}
			if !slices.Contains(timestamps, v.Timestamp) {
				return fmt.Errorf("event %d: unknown timestamp %q", i, v.Timestamp)
			}
		case *Kernel:
			if !slices.Contains(Tracepoints, v.Event) {
				return fmt.Errorf("event %d: unknown tracepoint %q", i, v.Event)
			}
			if !slices.Contains([]Context{InCall, InSegment, InTimer}, v.Context) {
				return fmt.Errorf("event %d: unknown context %q", i, v.Context)
			}
		case *Program:
			if !slices.Contains([]Doing{Starts, Exits, Killed, Fails}, v.Does) {
				return fmt.Errorf("event %d: a program does not %q", i, v.Does)
			}
		case *VerdictGiven:
			if !slices.Contains(verdicts, v.Verdict) {
				return fmt.Errorf("event %d: unknown verdict %q", i, v.Verdict)
			}
		}
	}
	return nil
}

var causes = []Cause{"", ByTimer, ByDuplicates, BySlowStart, ByICMP, BySYNACK, ByAnswer, ByProbe, ByKeepalive, ByWindowProbe, ByDelay, ByUnknown}

var timestamps = []Timestamp{"", OlderTimestamp, NewerTimestamp, NoTimestamp}

var verdicts = []Verdict{Confirmed, Refuted, Inapplicable, VerdictBroken}

// eventHead is what every event has; a body's own fields follow it.
type eventHead struct {
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
	case *Counters:
		if v.Rose == nil {
			body = &Counters{Host: v.Host, Rose: map[string]int64{}}
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
	var h eventHead
	if err := json.Unmarshal(data, &h); err != nil {
		return err
	}
	e.At = microseconds(h.TUS)
	switch h.Kind {
	case "call":
		e.Body = &Call{}
	case "segment":
		s := segmentJSON{Segment: &Segment{}}
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		s.SentAt = microseconds(s.SentUS)
		e.Body = s.Segment
		return nil
	case "icmp":
		e.Body = &ICMP{}
	case "state":
		e.Body = &State{}
	case "counters":
		e.Body = &Counters{}
	case "cwnd":
		e.Body = &Window{}
	case "wait":
		e.Body = &Wait{}
	case "kernel":
		e.Body = &Kernel{}
	case "verdict":
		e.Body = &VerdictGiven{}
	case "part":
		e.Body = &Part{}
	case "note":
		e.Body = &Note{}
	case "program":
		e.Body = &Program{}
	case "bulk":
		e.Body = &Bulk{}
	default:
		return fmt.Errorf("event of unknown kind %q", h.Kind)
	}
	return json.Unmarshal(data, e.Body)
}
