package cli

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// table prints a line for each lab, or whatever else was run. What there is to remark
// stands at its end where there is room, and else below it. So does the line itself below
// a name that is too long for it.
func table(w io.Writer, what string, results []result, width int, times bool) error {
	rows := [][]string{{what, "OUTCOME", "CONFIRMED", "REFUTED", "INAPPLICABLE"}}
	if times {
		rows[0] = append(rows[0], "SECONDS")
	}
	for _, r := range results {
		count := map[record.Verdict]int{}
		if r.err == nil {
			for _, c := range r.run.Claims {
				count[c.Verdict]++
			}
		}
		row := []string{oneLine(r.lab.Name), r.outcome(), strconv.Itoa(count[record.Confirmed]), strconv.Itoa(count[record.Refuted]), strconv.Itoa(count[record.Inapplicable])}
		if times {
			row = append(row, fmt.Sprintf("%.2f", r.took.Seconds()))
		}
		rows = append(rows, row)
	}
	t := layoutOf(rows, width)
	text := t.row(rows[0], lastHead)
	for i, r := range results {
		text += t.row(rows[i+1], oneLine(strings.Join(remarks(r), "; ")))
	}
	_, err := io.WriteString(w, text)
	return err
}

// remarks are what is to be known of how one has ended.
func remarks(r result) (all []string) {
	if r.err != nil {
		return []string{r.why()}
	}
	for _, c := range r.run.Claims {
		if c.Surprise {
			all = append(all, "SURPRISE: "+c.ID+" is "+string(c.Verdict))
		}
	}
	if r.run.Error != "" {
		all = append(all, r.run.Error)
	}
	return all
}

const lastHead = "REMARKS"

// A layout is how wide a table is, and each of its columns but for the last one. The first
// holds names, and is as wide as the longest of them for which there is room.
type layout struct {
	width int
	each  []int
}

func layoutOf(rows [][]string, width int) layout {
	t := layout{width, make([]int, len(rows[0]))}
	for _, row := range rows {
		for i, cell := range row {
			t.each[i] = max(t.each[i], utf8.RuneCountInString(cell))
		}
	}
	room := width - len(gap+lastHead)
	for _, n := range t.each[1:] {
		room -= len(gap) + n
	}
	t.each[0] = len(rows[0][0])
	for _, row := range rows {
		if n := utf8.RuneCountInString(row[0]); n <= room {
			t.each[0] = max(t.each[0], n)
		}
	}
	return t
}

const gap = "  "

// row is a row, with what there is to remark.
func (t layout) row(cells []string, remark string) string {
	name, above := cells[0], ""
	if utf8.RuneCountInString(name) > t.each[0] {
		name, above = "", name+"\n"
	}
	line := fmt.Sprintf("%-*s", t.each[0], name)
	for i, cell := range cells[1:] {
		line += gap + fmt.Sprintf("%-*s", t.each[i+1], cell)
	}
	if whole := line + gap + remark; utf8.RuneCountInString(whole) <= t.width {
		return above + strings.TrimRight(whole, " ") + "\n"
	}
	text := above + strings.TrimRight(line, " ") + "\n"
	const indent = "    "
	for _, l := range report.Wrap(remark, t.width-len(indent)) {
		text += indent + l + "\n"
	}
	return text
}

// worst is the error that stands for all results: one that kept a lab from
// running, then the worst outcome.
func worst(results []result) error {
	var outcome error
	for _, r := range results {
		if r.err != nil {
			return fmt.Errorf("%s: %w", r.lab.Name, r.err)
		}
		if r.run.Outcome != record.Expected {
			outcome = worse(outcome, outcomeError(r.run.Outcome))
		}
	}
	return outcome
}

// worse is the worse of two outcomes of runs, of which each may be nil: broken, then
// interrupted, then a surprise.
func worse(a, b error) error {
	for _, o := range []record.Outcome{record.Broken, record.Interrupted, record.Surprise} {
		if errors.Is(a, outcomeError(o)) || errors.Is(b, outcomeError(o)) {
			return outcomeError(o)
		}
	}
	return nil
}

// refused is why none of the labs has run, where that has one reason: this machine,
// or a setting.
func refused(results []result) error {
	var missing *machine.MissingError
	for _, r := range results {
		if r.run != nil {
			return nil
		}
	}
	if errors.As(results[0].err, &missing) {
		return missing // it is no fault of the first lab's
	}
	return worst(results)
}
