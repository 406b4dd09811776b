package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The run that the README shows is the lab's golden one, but for times, the width
// and what is left out ("…").
func TestReadmeRun(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(top, readme))
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile(filepath.Join(top, "labs/opening/testdata/noaccept.ladder"))
	if err != nil {
		t.Fatal(err)
	}
	_, shown, found := strings.Cut(string(readme), "```\n$ tcplab noaccept\n")
	shown, _, ends := strings.Cut(shown, "```\n")
	if !found || !ends {
		t.Fatal("the README shows no run of noaccept")
	}
	rest := strings.Split(string(golden), "\n")
	for line := range strings.Lines(shown) {
		want := bare(line)
		if want == "…" {
			continue
		}
		for len(rest) > 0 && bare(rest[0]) != want {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			t.Fatalf("the golden run does not have this line of the README's, or has it earlier:\n%s", line)
		}
		rest = rest[1:]
	}
}

var (
	times   = regexp.MustCompile(`^ +(ms|\d+\.\d+) `)
	kernels = regexp.MustCompile(`on Linux \S+`)
	lines   = regexp.MustCompile(`[─ \n]+`)
)

// bare is a line of a run without its time, the kernel and the width of arrows.
func bare(line string) string {
	line = kernels.ReplaceAllString(times.ReplaceAllString(line, ""), "on Linux")
	return strings.TrimSpace(lines.ReplaceAllString(line, " "))
}

func TestReadmeWithoutMarks(t *testing.T) {
	for _, text := range []string{"", labsBegin, labsAreAll, labsAreAll + labsBegin} {
		if got, err := withLabs(text); err == nil || !strings.Contains(err.Error(), readme) {
			t.Errorf("of %q: %q, %v", text, got, err)
		}
	}
}

// Of the README all else stays as it is.
func TestReadmeKeepsTheRest(t *testing.T) {
	got, err := withLabs("before\n" + labsBegin + "| stale |\n" + labsAreAll + "after\n")
	if err != nil || !strings.HasPrefix(got, "before\n"+labsBegin) || !strings.HasSuffix(got, labsAreAll+"after\n") || strings.Contains(got, "stale") {
		t.Errorf("%v:\n%s", err, got)
	}
}
