package labs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs"
)

// What several stories of a section call stands in the section's own file, and is
// vocabulary. The log tells how long stories are: a story is its Script and the
// functions of the lab's file that this calls, directly or not; its lines are those with
// code in them. Sabotages and checks of knobs are no part of it. Long stories are a sign
// that the vocabulary lacks words: where the same lines stand in three of them, they are
// one.
func TestStories(t *testing.T) {
	var lengths []int
	for _, s := range labs.Sections {
		p := parse(t, s.Name)
		for _, l := range s.Labs {
			story := p.scripts[l.Name]
			if story == nil {
				t.Errorf("%s: its Script was not found", l.Name)
				continue
			}
			n, strays := p.lines(story, map[string]bool{})
			for _, f := range strays {
				t.Errorf("%s calls %s, which stands in another lab's file: what stories share belongs into %s/%s.go", l.Name, f, s.Name, s.Name)
			}
			lengths = append(lengths, n)
			t.Logf("%4d %s", n, l.Name)
		}
	}
	slices.Sort(lengths)
	middle := lengths[len(lengths)/2]
	short, _ := slices.BinarySearch(lengths, aimedAt+1)
	t.Logf("of %d stories, the one in the middle has %d lines; %d have %d at most", len(lengths), middle, short, aimedAt)
	if middle > mostLines {
		t.Errorf("the story in the middle has %d lines, and the bound is %d: which lines stand in several stories?", middle, mostLines)
	}
}

// mostLines bounds the length of the story in the middle. A claim takes nine lines of it:
// three or four judge it, and the others bring about what it is about. The aim is the middle
// as it was when there were 82; the bound leaves room for a new lab that is longer.
const (
	aimedAt   = 40
	mostLines = 45
)

// A source is what is known of a section's source.
type source struct {
	files     *token.FileSet
	text      map[string][]string // file → its lines
	functions map[string]*ast.FuncDecl
	scripts   map[string]ast.Node // lab → its Script's value
}

func parse(t *testing.T, name string) source {
	t.Helper()
	s := source{token.NewFileSet(), map[string][]string{}, map[string]*ast.FuncDecl{}, map[string]ast.Node{}}
	files, err := filepath.Glob(filepath.Join(name, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(s.files, file, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		s.text[file] = strings.Split(string(text), "\n")
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				s.functions[n.Name.Name] = n
			case *ast.CompositeLit:
				if name, script := field(n, "Name"), field(n, "Script"); name != nil && script != nil {
					s.scripts[strings.Trim(name.(*ast.BasicLit).Value, `"`)] = script
				}
			}
			return true
		})
	}
	return s
}

// field returns the value of a field in a composite literal, or nil.
func field(of *ast.CompositeLit, name string) ast.Expr {
	for _, e := range of.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == name {
				return kv.Value
			}
		}
	}
	return nil
}

// lines counts the lines of code of a function, and of those of its file that it calls.
// It returns those that it calls of the files of other labs, too.
func (s source) lines(of ast.Node, counted map[string]bool) (n int, strays []string) {
	if name, isName := of.(*ast.Ident); isName { // Script: tellBacklog
		of = s.functions[name.Name]
	}
	from, to := s.files.Position(of.Pos()), s.files.Position(of.End())
	for _, line := range s.text[from.Filename][from.Line-1 : to.Line] {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			n++
		}
	}
	ast.Inspect(of, func(in ast.Node) bool {
		call, ok := in.(*ast.CallExpr)
		if !ok {
			return true
		}
		name, ok := call.Fun.(*ast.Ident)
		if !ok || counted[name.Name] || s.functions[name.Name] == nil {
			return true
		}
		counted[name.Name] = true
		f := s.functions[name.Name]
		switch file := s.files.Position(f.Pos()).Filename; {
		case file == from.Filename:
			more, their := s.lines(f, counted)
			n, strays = n+more, append(strays, their...)
		case filepath.Base(file) != filepath.Base(filepath.Dir(file))+".go" && filepath.Base(file) != "section.go": // ports has a lab of its name
			strays = append(strays, name.Name)
		}
		return true
	})
	return n, strays
}
