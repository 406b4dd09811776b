package prompt

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
	"sync"
	"unicode"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/play"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// What a session may cost. The text of a story is bounded by package play, and what a
// telling takes by lab.Run.
const (
	maxEntries  = 1000
	maxLines    = 1000 // of one entry
	maxValue    = 1000 // characters of a value that is shown
	maxTellings = 3    // of an entry, where the machine holds the story up
)

// A session is a story that is being typed.
type session struct {
	Config
	console   console
	gatherer  gatherer
	out, errs io.Writer
	entries   []entry
	last      telling // of all entries; run is nil where it must be told again
	ended     bool
	outcome   Outcome
	onTheWire string // what was said last of the wire
}

// An entry is one that has become part of the story.
type entry struct {
	text  string
	scene play.Scene // after it
	// drawn is the ladder up to its end, hashed.
	drawn uint64
	// surprise says that a claim by then came out otherwise than was expected.
	surprise bool
}

// A telling is a story that was told.
type telling struct {
	run    *record.Run
	events []int // how many there were at the end of each entry
	scene  play.Scene
}

// texts are the story's entries, and what comes after them.
func (s *session) texts(more ...string) []string {
	var all []string
	for _, e := range s.entries {
		all = append(all, e.text)
	}
	return append(all, more...)
}

// lines is how many lines the story has.
func (s *session) lines() int { return strings.Count(play.Text(s.texts()), "\n") }

// scene is what the story has come to.
func (s *session) scene() *play.Scene {
	if len(s.entries) == 0 {
		return &play.Scene{}
	}
	return &s.entries[len(s.entries)-1].scene
}

// begin tells the empty story: what this machine lacks shows before anything is
// typed.
func (s *session) begin(ctx context.Context) error {
	told, err := s.tell(ctx, nil)
	if err != nil {
		return err
	}
	s.last = told
	if s.Asking {
		s.say("A laboratory by hand, on Linux " + told.run.Environment.Kernel + ". help() says what there is; Ctrl-D ends.")
	}
	return report.Head(s.out, told.run, s.Report())
}

// enter tells the story with one more entry, or obeys it where it is a word of the
// prompt's. The error ends the session.
func (s *session) enter(ctx context.Context, text string) error {
	if word, ok := s.command(text); ok {
		return word(ctx)
	}
	if isComment(text) {
		s.entries = append(s.entries, entry{text, *s.scene(), s.drawn(), s.surprise()})
		return nil
	}
	if len(s.entries) >= maxEntries {
		s.refuse(&s.outcome.Mistakes, fmt.Sprintf("a story by hand has %d entries at most: save(\"FILE\") keeps it, to go on in an editor", maxEntries))
		return nil
	}
	texts := s.texts(text)
	if _, err := play.CompileTyped(Name, texts, nil); err != nil {
		s.refuse(&s.outcome.Mistakes, err.Error())
		return nil
	}
	told, err := s.tellInTime(ctx, texts)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case told.run == nil && err != nil: // interrupted before the story began, or the machine has changed
		s.refuse(&s.outcome.Broken, err.Error())
		return nil
	}
	if why := broke(told.run); why != "" && len(told.events) < len(texts)-1 {
		if told.run.Outcome == record.Broken {
			why = "told again, the story ended before this line: " + why
		}
		s.refuse(&s.outcome.Broken, why)
		return nil
	}
	from := told.before(len(texts) - 1)
	if err := report.Rest(s.out, told.run, from, s.Report()); err != nil {
		return err
	}
	if why := broke(told.run); why != "" {
		s.refuse(&s.outcome.Broken, why)
		return nil
	}
	if told.scene.Value != "" && (!told.scene.Thing || from == told.events[len(texts)-1]) {
		fmt.Fprintln(s.out, s.shown(told.scene.Value))
	}
	if len(s.entries) > 0 && hashOf(told.run, from) != s.drawn() {
		fmt.Fprintln(s.errs, "told again, the lines before this one led to something else: ladder() shows the whole story")
	}
	s.entries = append(s.entries, entry{text, told.scene, hashOf(told.run, told.events[len(texts)-1]), told.run.Outcome == record.Surprise})
	s.last = told
	return nil
}

// say writes a text of the prompt's own.
func (s *session) say(text string) {
	o := s.Report()
	if o.ASCII {
		text = report.ASCII(text)
	}
	for _, line := range report.Wrap(text, o.Width) {
		fmt.Fprintln(s.out, line)
	}
}

// broke says why a run has not come to its end; it is empty for one that has.
func broke(r *record.Run) string {
	if r.Outcome == record.Interrupted {
		return "interrupted"
	}
	return r.Error
}

// refuse says why an entry is no part of the story.
func (s *session) refuse(count *int, why string) {
	*count++
	for line := range strings.Lines(why) {
		lines := []string{s.safe(strings.TrimRight(line, "\n"))}
		if s.Asking {
			lines = report.Wrap(lines[0], s.Report().Width)
		}
		for _, line := range lines {
			fmt.Fprintln(s.errs, line)
		}
	}
}

// safe is a text that a terminal does not act on, and can show.
func (s *session) safe(text string) string {
	if s.Report().ASCII {
		return report.Escape(text, func(r rune) bool { return r < unicode.MaxASCII && unicode.IsPrint(r) })
	}
	return report.Escape(text, unicode.IsPrint)
}

// shown is a value, or a line of the story, as it is printed.
func (s *session) shown(value string) string {
	if runes := []rune(value); len(runes) > maxValue {
		value = string(runes[:maxValue]) + "..."
	}
	return s.safe(value)
}

// drawn is the hash of the ladder so far.
func (s *session) drawn() uint64 {
	if len(s.entries) == 0 {
		return 0
	}
	return s.entries[len(s.entries)-1].drawn
}

// surprise reports whether a claim came out otherwise than was expected.
func (s *session) surprise() bool {
	return len(s.entries) > 0 && s.entries[len(s.entries)-1].surprise
}

var seed = maphash.MakeSeed()

// hashOf hashes the ladder of a run's first events, without times. (A session keeps
// one of each entry.)
func hashOf(r *record.Run, events int) uint64 {
	some := *r
	some.Events = r.Events[:events]
	var b bytes.Buffer
	if err := report.Rest(&b, &some, 0, report.Options{}); err != nil {
		return 0 // a buffer takes everything
	}
	return maphash.Bytes(seed, b.Bytes())
}

// tellInTime is tell, again where the machine has held the story up: what is drawn
// then may not be what the story is about.
func (s *session) tellInTime(ctx context.Context, texts []string) (told telling, err error) {
	for range maxTellings {
		if told, err = s.tell(ctx, texts); err != nil || told.run.Late == nil {
			break
		}
	}
	return told, err
}

// tell tells a story. The error is lab.Run's.
func (s *session) tell(ctx context.Context, texts []string) (telling, error) {
	var mu sync.Mutex // a telling that is stuck may go on
	var told telling
	events := 0
	l, err := play.CompileTyped(Name, texts, func(scene play.Scene) {
		mu.Lock()
		defer mu.Unlock()
		told.events = append(told.events, events)
		told.scene = scene
	})
	if err != nil {
		return told, err
	}
	ctx, done := s.console.during(ctx)
	defer done()
	o := s.Options
	o.OnWait = func(w record.Wait) {
		mu.Lock()
		again := len(told.events) < len(texts)-1
		mu.Unlock()
		s.console.waits(w, again)
	}
	o.OnEvent = func(record.Event) error {
		mu.Lock()
		defer mu.Unlock()
		events++
		return nil
	}
	run, err := lab.Run(ctx, l, o)
	mu.Lock()
	defer mu.Unlock()
	return telling{run, told.events[:len(told.events):len(told.events)], told.scene}, err
}

// before is how many events there were before an entry that was begun.
func (t *telling) before(entry int) int {
	if entry == 0 {
		return 0
	}
	return t.events[entry-1]
}

// status says what waits on the wire, if anything does: before each line that somebody
// types, and otherwise where it has changed.
func (s *session) status() {
	now := strings.Join(s.scene().Waiting, "; ") // flags have commas
	if now == "" || !s.Asking && now == s.onTheWire {
		s.onTheWire = now
		return
	}
	s.onTheWire = now
	for _, line := range report.Wrap("on the wire: "+now, s.Report().Width) {
		if s.Report().Color {
			line = "\x1b[2m" + line + "\x1b[0m"
		}
		fmt.Fprintln(s.out, line)
	}
}
