package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs/report"
)

// fitHelp lets the help of all commands fit the terminal, or COLUMNS. Where neither says
// how wide it is, the texts stay as they are written.
func fitHelp(root *cobra.Command) {
	plain := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		out := cmd.OutOrStdout()
		if !widthKnown(out) {
			plain(cmd, args)
			return
		}
		var text bytes.Buffer
		cmd.SetOut(&text)
		plain(cmd, args)
		cmd.SetOut(out)
		fmt.Fprint(out, fit(text.String(), columns(out)))
	})
}

// fit breaks the lines of a help text that are too long. A paragraph is filled anew, and
// so is what stands beside a name. An example stays as it can be copied.
func fit(text string, width int) string {
	var fitted []string
	var b block
	for line := range strings.SplitSeq(text, "\n") {
		if b.takes(line) {
			continue
		}
		fitted = append(fitted, b.lines(width)...)
		b = blockOf(line, b.at)
	}
	fitted = append(fitted, b.lines(width)...)
	return strings.Join(fitted, "\n")
}

// A block is a paragraph, or a name and the text beside it, or one line of another kind.
type block struct {
	before string // the name, and the space around it
	at     int    // the column where the text begins; 0 for a paragraph
	fills  bool   // it can be broken elsewhere
	text   []string
}

func blockOf(line string, above int) block {
	at := besideAt(line, above)
	if line == "" || at == 0 && line[0] == ' ' {
		return block{text: []string{line}, at: above}
	}
	return block{line[:at], at, true, []string{line[at:]}}
}

// besideAt is the column of the text that stands beside a name; 0 for a line that is no
// such. The longest name of a list has one space behind it: its text begins where that of
// the line above does.
func besideAt(line string, above int) int {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	if indent == 0 {
		return 0
	}
	if gap := strings.Index(line[indent:], "  "); gap >= 0 {
		return len(line) - len(strings.TrimLeft(line[indent+gap:], " "))
	}
	if above > 0 && len(line) > above && line[above-1] == ' ' && line[above] != ' ' {
		return above
	}
	return 0
}

// takes adds a line that goes on with the block, if it does.
func (b *block) takes(line string) bool {
	indent := len(line) - len(strings.TrimLeft(line, " "))
	if !b.fills || line == "" || indent != b.at {
		return false
	}
	b.text = append(b.text, line[indent:])
	return true
}

// lines are those of the block: as they are if all of them fit.
func (b block) lines(width int) []string {
	const least = 20
	fits := func(l string) bool { return b.at+len(l) <= width }
	text := b.text
	if b.fills && width-b.at >= least && !all(text, fits) {
		text = report.Wrap(strings.Join(text, " "), width-b.at)
	}
	lines := make([]string, len(text))
	for i, l := range text {
		switch {
		case !b.fills:
			lines[i] = l
		case i == 0:
			lines[i] = b.before + l
		default:
			lines[i] = strings.Repeat(" ", b.at) + l
		}
	}
	return lines
}

func all(texts []string, is func(string) bool) bool {
	return !slices.ContainsFunc(texts, func(t string) bool { return !is(t) })
}
