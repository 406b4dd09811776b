package prompt

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tcplab/tcplab/labs/play"
	"github.com/tcplab/tcplab/labs/report"
)

// complete completes what stands before the cursor: see play.Scene.Complete. An entry
// may begin with a word of the prompt's, too.
func (s *session) complete(before string) (keep int, candidates []string) {
	keep, candidates = s.scene().Complete(before)
	if keep == 0 && !s.gatherer.open() {
		for _, c := range commands() {
			word := c.usage[:strings.IndexByte(c.usage, '(')+1]
			if strings.HasSuffix(c.usage, "()") {
				word = c.usage
			}
			if strings.HasPrefix(word, before) {
				candidates = append(candidates, word)
			}
		}
		slices.Sort(candidates)
	}
	return keep, candidates
}

// help says what there is, or tells of one word.
func (s *session) help(_ context.Context, arg string) error {
	if arg == "" {
		s.overview()
		return nil
	}
	for _, c := range commands() {
		if c.name == arg || c.name+"()" == arg {
			s.say(c.usage + ": " + c.says)
			return nil
		}
	}
	word, says, words := s.scene().Help(arg)
	switch {
	case word == "" && says == "":
		s.refuse(&s.outcome.Mistakes, fmt.Sprintf("help: there is no word %s; help() says what there is", arg))
	case word == "":
		s.refuse(&s.outcome.Mistakes, fmt.Sprintf("help(%s): %s; help() says what there is", arg, says))
	case words != nil:
		s.section("Words of "+word, strings.Split(columns(words, s.Report().Width-len(indent)), "\n"))
	default:
		s.section(word, []string{says})
	}
	return nil
}

func (s *session) overview() {
	s.section("", []string{"Each line acts at once. A block (for, if, def) ends with an empty line. Tab completes words, names, and in a string the segments on the wire."})
	s.section("Things, each with words of its own", []string{"client (host), server (host), wire (wire); help(wire) lists its words"})
	if names := s.scene().Names(); names != nil {
		s.section("Names that the story has given", []string{strings.Join(names, ", ")})
	}
	s.section("Functions", []string{strings.Join(play.Functions(), ", ")})
	var lines []string
	for _, c := range commands() {
		lines = append(lines, fmt.Sprintf("%-18s %s", c.usage, c.says))
	}
	s.section("The prompt's own", lines)
}

// section writes a heading, and lines below it.
func (s *session) section(heading string, lines []string) {
	before := ""
	if heading != "" {
		s.say(heading + ":")
		before = indent
	}
	o := s.Report()
	for _, text := range lines {
		if o.ASCII {
			text = report.ASCII(text)
		}
		for _, line := range report.Wrap(text, o.Width-len(before)) {
			fmt.Fprintln(s.out, before+line)
		}
	}
}

// columns puts words side by side, on lines that are no longer than width where the
// words are not. One that is long takes the place of several.
func columns(words []string, width int) string {
	column := 0
	for _, w := range words {
		column = max(column, utf8.RuneCountInString(w)+2)
	}
	column = min(column, max(width/3, 20))
	var b strings.Builder
	written, next := 0, 0 // of this line: characters, and where the next word begins
	for _, w := range words {
		n := utf8.RuneCountInString(w)
		if next > 0 && next+n > width {
			b.WriteByte('\n')
			written, next = 0, 0
		}
		b.WriteString(strings.Repeat(" ", next-written) + w)
		written = next + n
		next = (written + 2 + column - 1) / column * column
	}
	return b.String()
}
