package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/seen"
	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/record"
)

// kernelsPage is the table of claims and kernels: what differs first.
func kernelsPage(t *seen.Table) string {
	var b strings.Builder
	b.WriteString("<!-- `make kernels` makes this page, by running the labs on these kernels. Do not edit it here. -->\n\n")
	b.WriteString("# Claims and kernels\n\n")
	fmt.Fprintf(&b, "What every lab has shown on Linux %s: Debian's kernels, each in a virtual machine ([%s](vm.md)). Every kernel ran `tcplab all` on IPv4, on IPv6 and with `--trace`, and what takes minutes elsewhere: `timewait --wait`, `lostfin --retries 0`, `lostsyn --forever`.\n",
		strings.Join(t.Kernels, ", "), code("tcplab vm"))
	rows := grouped(t)
	b.WriteString("\n## What differs\n")
	differ := 0
	for _, g := range rows {
		if !g.row.Same() || len(g.row.Differs) > 0 {
			differ++
			difference(&b, t, g)
		}
	}
	if differ == 0 {
		b.WriteString("\nNothing.\n")
	}
	b.WriteString("\n## All claims\n\nA kernel that says something else than the catalogue would be marked as a surprise.\n\n")
	b.WriteString(row(append([]string{"lab", "claim"}, t.Kernels...)...) + row(slices.Repeat([]string{"---"}, 2+len(t.Kernels))...))
	for _, g := range rows {
		cells := []string{strings.Join(g.runs, "<br>"), claimLink(g.row)}
		for i := range t.Kernels {
			cells = append(cells, verdict(g.row.Verdict(i)))
		}
		b.WriteString(row(cells...))
	}
	return b.String()
}

// A group is a claim's runs with different flags that all came out alike.
type group struct {
	row  seen.Row
	runs []string // as Markdown
}

// grouped are the rows, with those together that differ in their flags alone.
func grouped(t *seen.Table) []group {
	var all []group
	for _, r := range t.Rows {
		i := slices.IndexFunc(all, func(g group) bool {
			return g.row.Lab() == r.Lab() && g.row.Claim == r.Claim && g.row.Verdicts == r.Verdicts && equal(g.row.Differs, r.Differs)
		})
		if i < 0 {
			all = append(all, group{row: r})
			i = len(all) - 1
		}
		all[i].runs = append(all[i].runs, code(r.Run))
	}
	// What all the usual ways of running a lab share is named by the lab.
	for i, g := range all {
		usual := []string{code(g.row.Lab()), code(g.row.Lab() + " --ipv6"), code(g.row.Lab() + " --trace")}
		if isIn(usual, g.runs) {
			all[i].runs = append(usual[:1], slices.DeleteFunc(slices.Clone(g.runs), func(r string) bool { return slices.Contains(usual, r) })...)
		}
	}
	return all
}

func isIn(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

func equal(a, b map[string][]string) bool {
	for name := range a {
		if !slices.Equal(a[name], b[name]) {
			return false
		}
	}
	return len(a) == len(b)
}

// difference tells of a claim that does not come out the same everywhere.
func difference(b *strings.Builder, t *seen.Table, g group) {
	fmt.Fprintf(b, "\n### %s %s\n\n", claimLink(g.row), strings.Join(g.runs, ", "))
	if l := labs.Find(g.row.Lab()); l != nil {
		for i := range l.Claims {
			if l.Claims[i].ID == g.row.Claim {
				fmt.Fprintf(b, "%s\n\n", escape(l.Claims[i].Text))
			}
		}
	}
	if why := seen.Cause(g.row); why != "" {
		fmt.Fprintf(b, "%s\n\n", escape(why))
	}
	b.WriteString(row(append([]string{""}, t.Kernels...)...) + row(slices.Repeat([]string{"---"}, 1+len(t.Kernels))...))
	if !g.row.Same() {
		cells := []string{"verdict"}
		for i := range t.Kernels {
			cells = append(cells, verdict(g.row.Verdict(i)))
		}
		b.WriteString(row(cells...))
	}
	for _, name := range g.row.Names() {
		cells := []string{escape(name)}
		for _, v := range g.row.Differs[name] {
			cells = append(cells, escape(v))
		}
		b.WriteString(row(cells...))
	}
}

func claimLink(r seen.Row) string {
	return fmt.Sprintf("[%s](labs/%s.md#%s)", code(r.Claim), r.Lab(), r.Claim)
}

func verdict(v record.Verdict, surprise bool) string {
	switch {
	case v == "":
		return "–"
	case surprise:
		return "SURPRISE: " + string(v)
	}
	return string(v)
}

// onKernels says on a lab's page where it was run.
func onKernels(t *seen.Table, lab string) string {
	if len(t.Kernels) == 0 {
		return ""
	}
	var on []string
	differ := map[string]bool{}
	for i, k := range t.Kernels {
		ran := false
		for _, r := range t.Rows {
			if r.Lab() != lab {
				continue
			}
			if v, _ := r.Verdict(i); v != "" {
				ran = true
			}
			if !r.Same() {
				differ[r.Claim] = true
			}
		}
		if ran {
			on = append(on, k)
		}
	}
	if len(on) == 0 {
		return ""
	}
	text := "\n## On other kernels\n\nRun on Linux " + strings.Join(on, ", ") + ". "
	if len(differ) == 0 {
		return text + "Every claim has the same verdict on all of them: [docs/kernels.md](../kernels.md).\n"
	}
	var names []string
	for _, r := range t.Rows {
		if r.Lab() == lab && differ[r.Claim] {
			names = append(names, fmt.Sprintf("[%s](../kernels.md)", code(r.Claim)))
			differ[r.Claim] = false
		}
	}
	return text + "Not the same on all of them: " + strings.Join(names, ", ") + ".\n"
}
