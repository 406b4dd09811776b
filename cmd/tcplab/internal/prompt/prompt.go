// Package prompt tells a story by hand: its lines are typed, and each acts at once.
//
// Nothing is kept of a story but its text. Each entry is told on fresh hosts, after
// all the entries before it, which takes a story without waits some milliseconds; the
// rows that came of the new entry are drawn. So each entry acts on a punctual run,
// however long somebody thinks before the next one, undo has nothing to undo in the
// kernel, and what save writes is what was told.
package prompt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// A Config says how stories are told, and shown.
type Config struct {
	Options lab.Options
	Report  func() report.Options // which may change with the window
	// Save writes a story's text to a new file.
	Save func(name, text string) error
	// Command is how tcplab was called: with the name of a file after it, it tells the
	// story that was saved there in the same way.
	Command string
	// Editing says that lines can be edited: in and out are a terminal that can write
	// a line anew.
	Editing bool
	// Asking says that somebody types: there are prompts.
	Asking bool
}

// Name is what a typed story is called: its errors begin with that.
const Name = "prompt"

// An Outcome is what a session leaves.
type Outcome struct {
	Surprise bool // in the story as it stands at the end
	Mistakes int  // entries that were refused before they were told
	Broken   int  // entries that broke the story, or were held up
}

// Run tells a story that is typed on in until it ends. The error is why the machine
// tells none, why in can't be read, or ctx's.
func Run(ctx context.Context, in, out, errs *os.File, c Config) (Outcome, error) {
	s := &session{Config: c, out: out, errs: errs}
	var lines console
	if c.Editing {
		e, err := newEditor(in, out)
		if err != nil {
			return s.outcome, err
		}
		defer e.close()
		e.complete, e.inBlock = s.complete, s.gatherer.open
		s.out, s.errs, lines = e.text(), e.text(), e
	} else {
		lines = newPlain(in, out, c.Asking)
	}
	s.console = lines
	err := s.run(ctx)
	s.outcome.Surprise = s.surprise()
	return s.outcome, err
}

// A console is where the lines come from.
type console interface {
	// line reads a line. Its errors are io.EOF at the end, errCleared where somebody
	// has given the line up, and what makes reading impossible.
	line(ctx context.Context, prompt string) (text string, pasted bool, err error)
	// during returns a context for what an entry does, which somebody at the
	// terminal can end.
	during(ctx context.Context) (context.Context, func())
	// waits shows a wait; again says that it is one of the lines before.
	waits(w record.Wait, again bool)
}

var errCleared = errors.New("the line is given up")

// run reads lines and enters them.
func (s *session) run(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	g := &s.gatherer
	for !s.ended {
		if !g.open() {
			s.status()
		}
		text, pasted, err := s.console.line(ctx, s.prompt(g.lines))
		switch {
		case errors.Is(err, errCleared):
			g.take()
			continue
		case errors.Is(err, io.EOF):
			if g.open() && !s.Asking {
				return s.enter(ctx, g.take())
			}
			return nil
		case errors.Is(err, bufio.ErrTooLong): // of what comes after it nobody knows where it begins
			s.refuse(&s.outcome.Mistakes, fmt.Sprintf("a line has more than %d bytes", maxLine))
			return nil
		case err != nil:
			return err
		}
		if s.Asking && !g.open() && strings.TrimSpace(text) == "" {
			continue
		}
		for _, entry := range g.add(text, s.Asking && !pasted) {
			if err := s.enter(ctx, entry); err != nil {
				return err
			}
		}
		if len(g.lines) > maxLines {
			g.take()
			s.refuse(&s.outcome.Mistakes, fmt.Sprintf("an entry has %d lines at most", maxLines))
		}
	}
	return nil
}

// prompt is the number of the line that is typed next. Open are those of the entry.
func (s *session) prompt(open []string) string {
	mark := ">"
	if open != nil {
		mark = "."
	}
	return fmt.Sprintf("%d%s ", s.lines()+len(open)+1, mark)
}
