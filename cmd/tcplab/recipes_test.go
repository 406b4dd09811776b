package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var updateRecipes = flag.Bool("update-recipes", false, "write what the recipes of docs/run.md show into it")

const recipesFile = "../../docs/run.md"

// A recipe is a section of docs/run.md.
type recipe struct {
	title, command string
	output         string   // that is there; "" where there is none yet
	needs          []string // programs
}

var (
	block     = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```\n")
	needsLine = regexp.MustCompile(`(?m)^Needs (.*?)\.`)
)

// readRecipes takes docs/run.md apart: the files that recipes need, by their names in
// the first line, what makes others, and the recipes.
func readRecipes(text string) (files map[string]string, setUp string, all []recipe) {
	files = map[string]string{}
	_, text, _ = strings.Cut(text, "\n## Recipes\n")
	for i, section := range strings.Split(text, "\n### ") {
		title, _, _ := strings.Cut(section, "\n")
		r := recipe{title: title}
		if m := needsLine.FindStringSubmatch(section); m != nil {
			r.needs = strings.Split(m[1], ", ")
		}
		for _, b := range block.FindAllStringSubmatch(section, -1) {
			switch kind, body := b[1], b[2]; {
			case kind == "conf":
				name, _, _ := strings.Cut(strings.TrimPrefix(body, "# "), "\n")
				files[name] = body
			case kind == "sh" && i == 0:
				setUp = body
			case kind == "sh":
				r.command = strings.TrimSpace(body)
			default:
				r.output = body
			}
		}
		if i > 0 {
			all = append(all, r)
		}
	}
	return files, setUp, all
}

// The recipes of docs/run.md do what it says, and judge what is printed there.
func TestRecipes(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	text, err := os.ReadFile(recipesFile)
	if err != nil {
		t.Fatal(err)
	}
	files, setUp, all := readRecipes(string(text))
	if len(all) != 11 || len(files) != 4 || setUp == "" {
		t.Fatalf("%d recipes, %d files, set up by %q", len(all), len(files), setUp)
	}
	updated := string(text)
	t.Run("all", func(t *testing.T) {
		for _, r := range all {
			t.Run(r.title, func(t *testing.T) {
				if !*updateRecipes {
					t.Parallel()
				}
				for _, program := range r.needs {
					requireProgram(t, program)
				}
				dir := t.TempDir()
				for name, body := range files {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				for _, left := range []string{"stop", "stopped", "start"} { // by an earlier run
					if err := os.WriteFile(filepath.Join(dir, left), nil, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				output := r.run(t, dir, setUp)
				if *updateRecipes {
					updated = r.update(updated, output)
				} else if got, want := verdictLines(output), verdictLines(r.output); got != want {
					t.Errorf("it judges\n%s\nand the page says\n%s\nAll of it:\n%s", got, want, output)
				}
			})
		}
	})
	if *updateRecipes && !t.Failed() {
		if err := os.WriteFile(recipesFile, []byte(updated), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a recipe as a user types it.
func (r recipe) run(t *testing.T, dir, setUp string) string {
	t.Helper()
	cmd := exec.Command("sh", "-euc", setUp+r.command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "PWD="+dir, "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "COLUMNS=100")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", r.command, err, out)
	}
	return strings.ReplaceAll(string(out), dir, "~")
}

func (r recipe) update(page, output string) string {
	old := "```sh\n" + r.command + "\n```\n"
	page = strings.Replace(page, old+"\n```\n"+r.output+"```\n", old, 1)
	return strings.Replace(page, old, old+"\n```\n"+output+"```\n", 1)
}

// judged begins a line of a verdict.
var judged = regexp.MustCompile(`(?m)^[✔✘] .*$`)

// times is how often a rule acts, which may be a matter of the kernel's timers.
var times = regexp.MustCompile(`acted \d+ times`)

func verdictLines(output string) string {
	return times.ReplaceAllString(strings.Join(judged.FindAllString(output, -1), "\n"), "acted N times")
}
