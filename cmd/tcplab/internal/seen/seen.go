// Package seen holds what the labs have shown on which kernels: each claim's verdict, and
// the evidence that is not the same everywhere. `make kernels` makes it anew.
package seen

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// A Table is what was seen. All lists that go by the kernel are in the kernels' order.
type Table struct {
	Kernels []string `json:"kernels"` // by their versions, oldest first: "6.1.192"
	Rows    []Row    `json:"rows"`
}

// A Row is what has become of one claim in runs with the same flags.
type Row struct {
	Run   string `json:"run"` // as it is typed: "backlog --ipv6"
	Claim string `json:"claim"`
	// Verdicts has a letter for each kernel: see letters. It is a capital where the
	// verdict is a surprise.
	Verdicts string `json:"verdicts"`
	// Differs holds, for each kernel, the value of each piece of evidence that is not
	// the same on all. Times are left out: they differ from run to run.
	Differs map[string][]string `json:"differs,omitempty"`
}

// letters are what verdicts are kept as; none is that of a claim without a run.
var letters = map[record.Verdict]string{
	record.Confirmed: "c", record.Refuted: "r", record.Inapplicable: "i", record.VerdictBroken: "b",
}

const none = "-"

// Lab is the lab of a row.
func (r Row) Lab() string {
	lab, _, _ := strings.Cut(r.Run, " ")
	return lab
}

// Same reports whether the verdict is the same on all kernels.
func (r Row) Same() bool { return strings.Count(r.Verdicts, r.Verdicts[:1]) == len(r.Verdicts) }

// Verdict is the verdict on the kernel with this index, and whether it was a surprise.
// It is empty where there was no run.
func (r Row) Verdict(kernel int) (v record.Verdict, surprise bool) {
	letter := r.Verdicts[kernel : kernel+1]
	for v, l := range letters {
		if strings.EqualFold(l, letter) {
			return v, l != letter
		}
	}
	return "", false
}

//go:embed kept.json
var kept []byte

// Kept returns the table that is kept with the program.
func Kept() (*Table, error) {
	var t Table
	if err := json.Unmarshal(kept, &t); err != nil {
		return nil, fmt.Errorf("what was seen on which kernels: %w", err)
	}
	for _, r := range t.Rows {
		if len(r.Verdicts) != len(t.Kernels) {
			return nil, fmt.Errorf("what was seen on which kernels: %s %s: %d verdicts of %d kernels", r.Run, r.Claim, len(r.Verdicts), len(t.Kernels))
		}
	}
	return &t, nil
}

// Runs are what one kernel has shown.
type Runs struct {
	Kernel string // its version
	Runs   []*record.Run
}

// Of makes the table of what several kernels have shown.
func Of(all []Runs) *Table {
	slices.SortStableFunc(all, func(a, b Runs) int { return Compare(a.Kernel, b.Kernel) })
	t := &Table{}
	type key struct{ run, claim string }
	rows := map[key]*Row{}
	var order []key
	evidence := map[key][]map[string]string{}
	for i, k := range all {
		t.Kernels = append(t.Kernels, k.Kernel)
		for _, r := range k.Runs {
			for _, c := range r.Claims {
				at := key{typed(r), c.ID}
				if rows[at] == nil {
					rows[at] = &Row{Run: at.run, Claim: c.ID, Verdicts: strings.Repeat(none, len(all))}
					evidence[at] = make([]map[string]string, len(all))
					order = append(order, at)
				}
				letter := letters[c.Verdict]
				if c.Surprise {
					letter = strings.ToUpper(letter)
				}
				row := rows[at]
				row.Verdicts = row.Verdicts[:i] + letter + row.Verdicts[i+1:]
				if c.Verdict != record.Inapplicable { // of which the evidence is not whole
					evidence[at][i] = lasting(c.Evidence)
				}
			}
		}
	}
	for _, at := range order {
		rows[at].Differs = differing(evidence[at])
		t.Rows = append(t.Rows, *rows[at])
	}
	return t
}

// typed is how a run is typed.
func typed(r *record.Run) string {
	words := append([]string{r.Lab}, r.Given...)
	if r.Environment.IPv6 {
		words = append(words, "--ipv6")
	}
	if len(r.Environment.Trace) > 0 {
		words = append(words, "--trace")
	}
	return strings.Join(words, " ")
}

// lasting is the evidence that is the same on every run on a kernel.
func lasting(evidence record.Evidence) map[string]string {
	values := map[string]string{}
	for _, e := range evidence {
		if !strings.HasSuffix(e.Name, "_ms") && !strings.HasSuffix(e.Name, "_us") {
			values[e.Name] = fmt.Sprint(e.Value)
		}
	}
	return values
}

// differing are the pieces of evidence that are not the same on all kernels.
func differing(evidence []map[string]string) map[string][]string {
	differs := map[string][]string{}
	for _, of := range evidence {
		for name := range of {
			values := make([]string, len(evidence))
			var distinct []string
			for i, other := range evidence {
				values[i] = other[name]
				if other != nil && !slices.Contains(distinct, other[name]) { // else it was not run there
					distinct = append(distinct, other[name])
				}
			}
			if len(distinct) > 1 {
				differs[name] = values
			}
		}
	}
	if len(differs) == 0 {
		return nil
	}
	return differs
}

// Compare orders versions by their numbers: 5.10 before 6.1.
func Compare(a, b string) int {
	x, y := numbers(a), numbers(b)
	return cmp.Or(slices.CompareFunc(x, y, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	}), cmp.Compare(a, b))
}

// numbers are the numbers of a version.
func numbers(version string) []string {
	return strings.FieldsFunc(version, func(r rune) bool { return r < '0' || r > '9' })
}

// JSON writes the table, a row a line.
func (t *Table) JSON(w io.Writer) error {
	names, err := json.Marshal(t.Kernels)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "{\"kernels\": %s, \"rows\": [", names); err != nil {
		return err
	}
	for i, r := range t.Rows {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		comma := ","
		if i == len(t.Rows)-1 {
			comma = ""
		}
		if _, err := fmt.Fprintf(w, "\n%s%s", line, comma); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(w, "\n]}")
	return err
}

// Names are the names of a row's differing evidence, in order.
func (r Row) Names() []string { return slices.Sorted(maps.Keys(r.Differs)) }
