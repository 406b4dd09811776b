package prompt

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/syntax"

	"github.com/tcplab/tcplab/labs/play"
	"github.com/tcplab/tcplab/labs/report"
)

// A command is a word of the prompt's own: it is no part of the story.
type command struct {
	name, usage, says string
	do                func(s *session, ctx context.Context, arg string) error
	bare              bool // it may stand without parentheses
}

func commands() []command {
	return []command{
		{"help", "help()", "what there is; help(c.write) explains one word", (*session).help, true},
		{"undo", "undo()", "take the last line back", (*session).undo, false},
		{"story", "story()", "the lines so far", (*session).story, false},
		{"ladder", "ladder()", "the whole ladder, and the verdicts", (*session).ladder, false},
		{"save", `save("mine.star")`, "write the lines to a file, as a story", (*session).save, false},
		{"quit", "quit()", "end, as Ctrl-D does", (*session).quit, true},
		{"exit", "exit()", "end as well", (*session).quit, true},
	}
}

// command is what an entry does that is a word of the prompt's. A name that the story
// has given is the story's.
func (s *session) command(text string) (func(context.Context) error, bool) {
	expr, err := (&syntax.FileOptions{}).ParseExpr(Name, text, 0)
	if err != nil {
		return nil, false
	}
	name, arg := expr, ""
	call, called := expr.(*syntax.CallExpr)
	if called {
		name = call.Fn
	}
	id, ok := name.(*syntax.Ident)
	if !ok || s.scene().Has(id.Name) {
		return nil, false
	}
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == id.Name && (called || c.bare) })
	if i < 0 {
		return nil, false
	}
	if runes := []rune(text); called && call.Lparen.Line == 1 && call.Rparen.Line == 1 && int(call.Rparen.Col) <= len(runes) {
		arg = strings.TrimSpace(string(runes[call.Lparen.Col : call.Rparen.Col-1]))
	}
	return func(ctx context.Context) error { return all[i].do(s, ctx, arg) }, true
}

func (s *session) quit(context.Context, string) error {
	s.ended = true
	return nil
}

// undo takes the last entry back. Nothing is undone in the kernel: the next entry is
// told after those that are left.
func (s *session) undo(_ context.Context, _ string) error {
	for len(s.entries) > 0 && strings.TrimSpace(s.entries[len(s.entries)-1].text) == "" {
		s.entries = s.entries[:len(s.entries)-1]
	}
	if len(s.entries) == 0 {
		fmt.Fprintln(s.errs, "undo: there is no line")
		return nil
	}
	last := s.entries[len(s.entries)-1]
	s.entries = s.entries[:len(s.entries)-1]
	s.last = telling{}
	const head = "taken back: "
	for i, line := range strings.Split(last.text, "\n") {
		before := head
		if i > 0 {
			before = strings.Repeat(" ", len(head))
		}
		fmt.Fprintln(s.out, before+s.shown(line))
	}
	return nil
}

func (s *session) story(_ context.Context, _ string) error {
	for i, line := range strings.Split(strings.TrimSuffix(play.Text(s.texts()), "\n"), "\n") {
		if len(s.entries) > 0 {
			fmt.Fprintf(s.out, "%4d  %s\n", i+1, s.shown(line))
		}
	}
	return nil
}

// retell tells the story where it is not known what came of it.
func (s *session) retell(ctx context.Context) error {
	if s.last.run != nil {
		return nil
	}
	told, err := s.tellInTime(ctx, s.texts())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		s.refuse(&s.outcome.Broken, err.Error())
		return nil
	}
	s.last = told
	return nil
}

func (s *session) ladder(ctx context.Context, _ string) error {
	if err := s.retell(ctx); err != nil || s.last.run == nil {
		return err
	}
	if err := report.Ladder(s.out, s.last.run, s.Report()); err != nil {
		return err
	}
	return report.Verdicts(s.out, s.last.run, s.Report())
}

func (s *session) save(_ context.Context, arg string) error {
	name, ok := unquote(arg)
	switch {
	case !ok:
		fmt.Fprintln(s.errs, `save: want the name of a file: save("mine.star")`)
	case len(s.entries) == 0:
		fmt.Fprintln(s.errs, "save: there is no line")
	default:
		if err := s.Save(name, play.Text(s.texts())); err != nil {
			s.refuse(&s.outcome.Mistakes, "save: "+err.Error())
			return nil
		}
		fmt.Fprintln(s.out, "saved: "+s.shown(s.Command+" "+name))
	}
	return nil
}

func unquote(arg string) (string, bool) {
	expr, err := (&syntax.FileOptions{}).ParseExpr(Name, arg, 0)
	if err != nil {
		return "", false
	}
	lit, ok := expr.(*syntax.Literal)
	if !ok || lit.Token != syntax.STRING || lit.Value == "" {
		return "", false
	}
	return lit.Value.(string), true
}
