package report

import (
	"fmt"
	"strings"
)

const (
	longestRepeat = 16 // rows in one repetition
	fewestRepeats = 3  // repetitions that are worth folding
)

// folded shortens what repeats: of a run of blocks of rows that are alike but
// for their numbers, the first and the last stay.
func folded(rows []row) []row {
	shapes := make([]string, len(rows))
	for i := range rows {
		shapes[i] = shape(&rows[i])
	}
	var out []row
	for i := 0; i < len(rows); {
		size, times := repetition(shapes[i:])
		if times < fewestRepeats || size*(times-2) < 2 { // the fold itself takes a line
			out = append(out, rows[i])
			i++
			continue
		}
		end := i + size*times
		out = append(out, rows[i:i+size]...)
		out = append(out, row{at: rows[i+size].at, kind: fold, remark: fmt.Sprintf("%d more like this", times-2), version: versionIn(rows[i:end])})
		out = append(out, rows[end-size:end]...)
		i = end
	}
	return out
}

// versionIn is the version that all of the rows are of; "" if there are several.
func versionIn(rows []row) string {
	for i := range rows {
		if rows[i].version != rows[0].version {
			return ""
		}
	}
	return rows[0].version
}

// repetition returns the size of the block at the start that repeats to fold
// the most rows, and how often it stands there.
func repetition(shapes []string) (size, times int) {
	for n := 1; n <= longestRepeat && 2*n <= len(shapes); n++ {
		k := 1
		for (k+1)*n <= len(shapes) && equal(shapes[:n], shapes[k*n:(k+1)*n]) {
			k++
		}
		if k >= fewestRepeats && n*k > size*times {
			size, times = n, k
		}
	}
	return size, times
}

func equal(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] || a[i] == "" {
			return false
		}
	}
	return true
}

// shape is what a row looks like without its numbers; it is empty for a row
// that must not be folded away.
func shape(r *row) string {
	if r.kind != 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(r.version)
	b.WriteByte('\n')
	b.WriteString(r.host)
	b.WriteByte('\n')
	b.WriteString(r.text + r.outcome())
	b.WriteByte('\n')
	if r.segment != nil {
		b.WriteString(r.segment.From + string(r.segment.Fate))
	}
	b.WriteString(r.label) // of an ICMP message as well
	for _, s := range r.states {
		b.WriteByte('\n')
		b.WriteString(s)
	}
	for _, s := range r.kernel {
		b.WriteByte('\n')
		b.WriteString(s)
	}
	for _, c := range r.counts {
		b.WriteByte('\n')
		b.WriteString(c.host + c.text)
	}
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return -1
		}
		return c
	}, b.String())
}
