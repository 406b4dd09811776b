package cli

import (
	"slices"
	"strings"
)

// near are up to three of the names that a wrong one may have meant: those that it is
// a part of, and else those that it takes a slip or two to get to, the nearest first.
// What stands before an underscore may be left out of a name.
func near(word string, names []string) []string {
	word = strings.ToLower(word)
	type slip struct {
		name string
		far  int
	}
	var parts []string
	var slips []slip
	for _, name := range names {
		full := strings.ToLower(name)
		_, short, _ := strings.Cut(full, "_")
		far := min(distance(word, full), distance(word, short))
		switch {
		case len(word) > 2 && strings.Contains(full, word):
			parts = append(parts, name)
		case far <= min(2, len(word)/3):
			slips = append(slips, slip{name, far})
		}
	}
	slices.SortStableFunc(slips, func(a, b slip) int { return a.far - b.far })
	if len(parts) == 0 {
		for _, s := range slips {
			parts = append(parts, s.name)
		}
	}
	return parts[:min(3, len(parts))]
}

// hint is the question whether one of the names near a wrong one was meant, or else
// what to do.
func hint(word string, names []string, otherwise string) string {
	if all := near(word, names); len(all) > 0 {
		return "did you mean " + strings.Join(all, " or ") + "?"
	}
	return otherwise
}

// distance is how many letters must be added, removed, replaced, or swapped with the
// next, to make one word of the other.
func distance(a, b string) int {
	var before []int // the row before the last
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			replaced := row[j]
			if a[i] != b[j] {
				replaced++
			}
			next[j+1] = min(replaced, next[j]+1, row[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
