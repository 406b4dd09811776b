package journal_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/internal/journal"
	"github.com/tcplab/tcplab/labs/record"
)

func part(title string) *record.Part { return &record.Part{Title: title} }

// titles names events in their order: a wait by what it was for.
func titles(events []record.Event) string {
	var all []string
	for _, e := range events {
		switch b := e.Body.(type) {
		case *record.Part:
			all = append(all, b.Title)
		case *record.Wait:
			all = append(all, "wait for "+b.For)
		}
	}
	return strings.Join(all, ", ")
}

// The journal's order is that of time, and of the story; whoever observes it is
// given the same order, but for what is known too late.
func TestOrder(t *testing.T) {
	type step struct {
		do    string // "add", "late", "inOrder", "begin", "for", "end"
		title string
		at    time.Duration // of what is known late, since the start
	}
	const future = time.Hour // known as soon as it happens, by a clock that is ahead
	for name, test := range map[string]struct {
		steps []step
		want  string
		told  string // where it is another
	}{
		"nothing": {},
		"as added": {
			steps: []step{{"add", "a", 0}, {"add", "b", 0}, {"add", "c", 0}},
			want:  "a, b, c",
		},
		"late, in its time": {
			steps: []step{{"add", "a", 0}, {"late", "b", future}, {"add", "c", 0}},
			want:  "a, b, c",
		},
		"late, too late for its place": {
			steps: []step{{"add", "b", 0}, {"add", "c", 0}, {"late", "a", -time.Second}},
			want:  "a, b, c", told: "b, c, a",
		},
		"the story's own, whatever the clock says": {
			steps: []step{{"add", "a", 0}, {"add", "b", 0}, {"inOrder", "c", -time.Second}},
			want:  "a, b, c",
		},
		"a wait comes before what it has led to": {
			steps: []step{{"add", "a", 0}, {"begin", "SYN", 0}, {"add", "b", 0}, {"add", "c", 0}, {"end", "", 0}, {"add", "d", 0}},
			want:  "a, wait for SYN, b, c, d",
		},
		"a wait for something else": {
			steps: []step{{"begin", "SYN", 0}, {"for", "CLOSE", 0}, {"add", "a", 0}, {"end", "", 0}},
			want:  "wait for CLOSE, a",
		},
		"a wait that led to nothing": {
			steps: []step{{"add", "a", 0}, {"begin", "SYN", 0}, {"end", "", 0}, {"end", "", 0}, {"add", "b", 0}},
			want:  "a, wait for SYN, b",
		},
		"a wait, and what is known of the time before it": {
			steps: []step{{"add", "b", 0}, {"begin", "SYN", 0}, {"late", "a", -time.Second}, {"add", "c", 0}, {"end", "", 0}},
			want:  "a, b, wait for SYN, c", told: "b, a, wait for SYN, c",
		},
		"a wait, and what is known of the time during it": {
			steps: []step{{"add", "a", 0}, {"begin", "SYN", 0}, {"late", "b", future}, {"add", "c", 0}, {"end", "", 0}},
			want:  "a, wait for SYN, b, c",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var told []record.Event
			j := journal.New(time.Now(), nil, func(e record.Event) error { told = append(told, e); return nil })
			for _, s := range test.steps {
				var err error
				switch s.do {
				case "add":
					err = j.Add(part(s.title))
				case "late", "inOrder":
					err = j.AddLate(s.at, part(s.title), s.do == "inOrder")
				case "begin":
					j.BeginWait(record.Wait{For: s.title})
				case "for":
					j.WaitedFor(s.title)
				case "end":
					_, err = j.EndWait()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if got := titles(j.Events()); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if test.told == "" {
				test.told = test.want
			}
			if got := titles(told); got != test.told {
				t.Errorf("told %s\nwant %s", got, test.told)
			}
			for i, e := range j.Events() {
				if i > 0 && e.At < j.Events()[i-1].At {
					t.Errorf("event %d is of %v, and the one before it of %v", i, e.At, j.Events()[i-1].At)
				}
			}
			if diff := cmp.Diff(titles(j.Events()), titles(j.Snapshot())); diff != "" {
				t.Errorf("snapshot:\n%s", diff)
			}
		})
	}
}

// What comes during a wait is told when it is over, and how long it was.
func TestWait(t *testing.T) {
	told := 0
	j := journal.New(time.Now(), nil, func(record.Event) error { told++; return nil })
	if w, err := j.EndWait(); w != nil || err != nil {
		t.Errorf("none goes on: %+v, %v", w, err)
	}
	j.BeginWait(record.Wait{For: "SYN", LeftMS: 5})
	if err := j.Add(part("a")); err != nil || told != 0 {
		t.Errorf("%d events told during the wait, %v", told, err)
	}
	time.Sleep(5 * time.Millisecond)
	w, err := j.EndWait()
	if err != nil || told != 2 || w.WaitedMS < 5 || w.LeftMS != 5 {
		t.Errorf("%d told, %+v, %v", told, w, err)
	}
}

// Before each event the journal asks what has happened meanwhile.
func TestBefore(t *testing.T) {
	var j *journal.Journal
	asked := 0
	j = journal.New(time.Now(), func() error {
		asked++
		return j.AddLate(time.Hour, part("meanwhile"), true)
	}, nil)
	for _, title := range []string{"a", "b"} {
		if err := j.Add(part(title)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := titles(j.Events()), "meanwhile, a, meanwhile, b"; got != want || asked != 2 {
		t.Errorf("got %s, want %s", got, want)
	}
}

// An error of a function that it was given is that of the word.
func TestRefused(t *testing.T) {
	full := errors.New("the disk is full")
	fail := func() error { return full }
	refuse := func(record.Event) error { return full }
	if err := journal.New(time.Now(), fail, nil).Add(part("a")); err != full {
		t.Errorf("before: %v", err)
	}
	if err := journal.New(time.Now(), nil, refuse).Add(part("a")); err != full {
		t.Errorf("Add: %v", err)
	}
	if err := journal.New(time.Now(), nil, refuse).AddLate(0, part("a"), false); err != full {
		t.Errorf("AddLate: %v", err)
	}
	j := journal.New(time.Now(), nil, refuse)
	j.BeginWait(record.Wait{})
	if err := j.Add(part("a")); err != nil {
		t.Errorf("during a wait: %v", err)
	}
	if _, err := j.EndWait(); err != full {
		t.Errorf("EndWait: %v", err)
	}
}
