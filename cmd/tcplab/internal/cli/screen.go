package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
	"unicode"

	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// pause is how long nothing may happen before the row of what happened last is drawn:
// until then more may come to it.
const pause = 30 * time.Millisecond

// A screen is where a run of programs is shown while it goes on: its ladder, if stdout
// is a terminal, and what the programs write, line by line.
type screen struct {
	stderr io.Writer

	mu     sync.Mutex
	ladder *report.LiveLadder // nil where there is none
	timer  *time.Timer        // draws the last row
	err    error              // the first
}

// write writes a line of a program's, with its host's name before it. What a terminal
// would act on is escaped.
func (s *screen) write(host, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.stderr, "%s: %s\n", host, report.Escape(line, func(c rune) bool { return c == '\t' || unicode.IsPrint(c) }))
}

// follow has the ladder drawn while the run goes on: see files.follow.
func (s *screen) follow(start *func(*record.Run) error, event *func(record.Event) error, w io.Writer, o report.Options) {
	begin, next := *start, *event
	*start = func(r *record.Run) error {
		s.mu.Lock()
		s.ladder, s.err = report.NewLiveLadder(w, r, o)
		s.timer = time.AfterFunc(time.Hour, s.flush)
		s.mu.Unlock()
		if s.err == nil && begin != nil {
			return begin(r)
		}
		return s.err
	}
	*event = func(e record.Event) error {
		s.mu.Lock()
		if s.err == nil {
			s.err = s.ladder.Add(e)
			s.timer.Reset(pause)
		}
		err := s.err
		s.mu.Unlock()
		if err == nil && next != nil {
			return next(e)
		}
		return err
	}
}

func (s *screen) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = s.ladder.Flush()
	}
}

// end draws the rest.
func (s *screen) end() error {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ladder != nil && s.err == nil {
		s.err = s.ladder.Close()
	}
	return s.err
}
