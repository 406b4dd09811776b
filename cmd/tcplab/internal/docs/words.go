package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/play"
)

// wordsFile is the page with the words of stories, in both of their spellings.
const wordsFile = "docs/words.md"

// wordTexts is the same for the prompt of tcplab play: a line for each word, with its
// thing ("wire.next", "too_big"), its parameters, and what is said of it.
const wordTexts = "labs/play/words.txt"

// wordSources are the packages whose comments say what the words do: of all but labs/lab
// one type each, to which lab gives a name.
var wordSources = []struct{ dir, only string }{
	{"labs/lab", ""}, {"labs/internal/rig", "TimeLeft"}, {"labs/internal/rto", "Schedule"}, {"labs/internal/segment", "TCP"},
}

// A said is what the source says of a function, a method or a field.
type said struct {
	text string
	fn   *ast.FuncType // nil for a field or a variable
}

// sources are what is said of "Sock.TryWrite", "TooBig" or "Craft.Win".
type sources map[string]said

func readSources(top string) (sources, error) {
	all := sources{}
	for _, source := range wordSources {
		set := token.NewFileSet()
		noTests := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
		parsed, err := parser.ParseDir(set, filepath.Join(top, source.dir), noTests, parser.ParseComments) //nolint:staticcheck // one package a folder, without build tags that matter
		if err != nil {
			return nil, err
		}
		for _, p := range parsed {
			for _, name := range slices.Sorted(maps.Keys(p.Files)) {
				all.take(p.Files[name], source.only)
			}
		}
	}
	return all, nil
}

// take takes what a file says: of everything, or of one type only.
func (all sources) take(file *ast.File, only string) {
	add := func(name string, s said) {
		if of, _, _ := strings.Cut(name, "."); only == "" || of == only {
			all[name] = s
		}
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = receiver(d.Recv.List[0].Type) + "." + name
			}
			add(name, said{d.Doc.Text(), d.Type})
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if t, ok := s.Type.(*ast.StructType); ok {
						for _, f := range t.Fields.List {
							for _, n := range f.Names {
								add(s.Name.Name+"."+n.Name, said{text: f.Doc.Text() + f.Comment.Text()})
							}
						}
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						add(n.Name, said{text: d.Doc.Text()})
					}
				}
			}
		}
	}
}

func receiver(t ast.Expr) string {
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// of finds what is said of a word of a thing: of the type itself, or of what it is made
// of, whose name it returns.
func (all sources) of(thing, word string) (said, string, error) {
	for _, t := range append([]string{thing}, map[string][]string{"Host": {"program"}, "Sock": {"End", "program"}}[thing]...) {
		if s, ok := all[t+"."+word]; ok {
			return s, t, nil
		}
	}
	return said{}, "", fmt.Errorf("%s: nothing is said of %s.%s", wordsFile, thing, word)
}

const wordsIntro = `# The words of stories

Each word as a story in a file writes it, and as a lab in Go does. This page is generated from the comments of the package ` + "`labs/lab`" + `; [stories.md](stories.md) teaches how the words are used, and [writing-a-lab.md](writing-a-lab.md) does for Go.

A story begins with ` + "`client`, `server` and `wire`" + `. What a word gives that may fail is ` + "`\"ok\"`" + `, or the name of the errno. Times are seconds, and addresses are strings. Arguments may be given by their names (those of ` + "`claim`, `myth`, `setsockopt` and `getsockopt`" + ` only as they are written here), and what has a value here may be left out. A word that means something else in Python ends in an underscore: ` + "`wire.pass_`, `c.await_`" + `.

`

// A glossary is the words: as a page, and as lines.
type glossary struct {
	sources
	strings.Builder // the page
	lines           strings.Builder
}

// wordFiles are docs/words.md and the lines of wordTexts.
func wordFiles(top string) (page, lines string, err error) {
	g := &glossary{}
	if g.sources, err = readSources(top); err != nil {
		return "", "", err
	}
	err = g.write()
	return g.String(), g.lines.String(), err
}

func (g *glossary) write() error {
	all, b := g.sources, &g.Builder
	b.WriteString(wordsIntro)
	b.WriteString("## Of a story in a file alone\n\n")
	for _, u := range play.Usages() {
		usage, text, _ := strings.Cut(u, "): ")
		fmt.Fprintf(b, "- %s: %s\n", code(usage+")"), escape(text))
	}
	fmt.Fprintf(b, "- %s are the states of a socket, %s the outcome of a call that succeeded.\n", code(strings.Join(play.States(), "`, `")), code("OK"))
	for _, t := range play.Things() {
		if err := g.thing(t); err != nil {
			return err
		}
	}
	b.WriteString("\n## Functions and values\n\n")
	words := map[string]bool{}
	for _, name := range play.Globals() {
		found := ""
		for known := range all {
			_, method, isMethod := strings.Cut(known, ".")
			if isMethod && strings.HasPrefix(known, "Script.") && spelledAs(method, name) || !isMethod && ast.IsExported(known) && spelledAs(known, name) {
				found = known
			}
		}
		if found == "" {
			return fmt.Errorf("%s: nothing is said of %s", wordsFile, name)
		}
		s := all[found]
		words[found] = true
		g.entry(name, name, "lab."+found, s, false)
	}
	b.WriteString("\n## What is a word in Go alone\n\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		of, _, isMethod := strings.Cut(name, ".")
		if all[name].fn == nil || words[name] || !ast.IsExported(name) || isMethod && of != "Script" || isMethod && !ast.IsExported(name[len("Script."):]) {
			continue
		}
		why, ok := goAlone[name]
		if !ok {
			return fmt.Errorf("%s: lab.%s is neither a word of story files nor said to be none", wordsFile, name)
		}
		fmt.Fprintf(b, "- %s: %s\n", code("lab."+name), escape(why))
	}
	return nil
}

// goAlone says of what package lab exports, and story files do not have, why.
var goAlone = map[string]string{
	"AtLeast": "at_least in check", "Between": "between in check", "Is": "check", "OneOf": "one_of in check", "Seen": "seen",
	"Get": "getsockopt", "Set": "setsockopt", "SetIP": "setsockopt", "TryGet": "getsockopt", "TrySet": "setsockopt", "HasOption": "getsockopt",
	"Number": "knob", "Switch": "knob", "Turns": "knob with sysctl",
	"Script.Claim": "expect, claim and myth", "Script.ClaimInapplicable": "inapplicable", "Script.Inapplicable": "inapplicable", "Script.TooSlow": "inapplicable",
	"Script.Expect": "expect, claim and myth", "Script.Int": "what knob returns", "Script.On": "what knob returns", "Script.Note": "print and show", "Script.Part": "part",
	"Script.OnTheWire": "wire.waiting; the prompt shows it",
	"Script.Fail":      "fail, a function of Starlark's",
	"Script.StopIf":    "inapplicable for each claim, in an if", "Script.Unless": "inapplicable, in an if", "Script.UnlessSlow": "inapplicable, in an if",
	"PerFamily":        "a condition: ':' in client.addr(0)",
	"Outcome":          "the second of what a word gives: c.try_accept()[1]",
	"Script.At":        "the interpreter calls it",
	"Script.Given":     "a knob of a story file always has a default",
	"CheckConnections": "a check of knobs before the run; in a file max bounds a knob",
	"Refuse":           "a check of knobs before the run; in a file min and max bound a knob",
	"Paragraphs":       "for programs that show labs",
	"ParseSysctl":      "for programs that run labs", "Run": "for programs that run labs", "Sysctls": "for programs that run labs",
	"Sabotage": "for tests of the catalogue: see docs/stories.md",
}

// spelledAs reports whether a name of Go's is a word of stories.
func spelledAs(name, word string) bool {
	return strings.EqualFold(name, strings.ReplaceAll(word, "_", ""))
}

// titles are the headings of things, and what is to be known of them.
var titles = map[string]string{
	"host":      "Hosts: `client`, `server`",
	"sock":      "Sockets: `c`\n\nA socket also has the words of its end of the connection, and those of its host.",
	"end":       "Ends: `c.peer`\n\nWhat the kernel has of one side of a connection, or of a listener, whether or not a program holds a descriptor.",
	"wire":      "The wire: `wire`",
	"segment":   "Segments: `segment`",
	"answer":    "Answers: `segment.exchange()`",
	"handshake": "Handshakes: `wire.handshake(c)`",
	"tcp":       "What of a segment can be changed: `t`\n\n`segment.forge(change)` gives it to the function `change`, which may set its values.",
	"attempts":  "Attempts: `wire.unanswered(…)`",
	"timeleft":  "Timers: `c.timer[1]`",
	"schedule":  "Schedules: `client.syn_schedule()`",
}

// called are what a thing is called on the page.
var called = map[string]string{
	"host": "client", "sock": "c", "end": "c.peer", "wire": "wire", "segment": "segment", "answer": "answer", "handshake": "handshake", "tcp": "t", "attempts": "attempts", "timeleft": "left", "schedule": "schedule",
}

func (g *glossary) thing(t play.Thing) error {
	title, ok := titles[t.Name]
	if !ok {
		return fmt.Errorf("%s: %s has no title", wordsFile, t.Name)
	}
	fmt.Fprintf(g, "\n## %s\n\n", title)
	elem := t.Type
	if elem.Kind() == reflect.Pointer {
		elem = elem.Elem()
	}
	for _, w := range t.Words {
		s, of, err := g.of(elem.Name(), w.Go)
		if err != nil {
			return err
		}
		if elem.Name() == "Sock" && of != "Sock" {
			continue
		}
		if plain, tries := strings.CutPrefix(w.Go, "Try"); tries && w.Name == strings.ToLower(plain) {
			of, _, err := g.of(elem.Name(), plain)
			if err != nil {
				return err
			}
			s.text = of.text + "\n" + s.text
		}
		g.entry(t.Name+"."+w.Name, called[t.Name]+"."+w.Name, elem.Name()+"."+w.Go, s, w.Value)
	}
	return nil
}

// entry is what there is of one word: key is its name with its thing's.
func (g *glossary) entry(key, word, goWord string, s said, value bool) {
	call := ""
	if s.fn != nil && !value {
		var params []string
		for _, f := range s.fn.Params.List {
			for _, n := range f.Names {
				p := play.Spelled(n.Name)
				if value, ok := play.Default(key, len(params)); ok {
					p += "=" + value
				}
				if id, ok := f.Type.(*ast.Ident); ok && id.Name == "Craft" {
					p = `flags="RST", seq=0, ack=0, win=0, data="", options=""`
				}
				if _, many := f.Type.(*ast.Ellipsis); many {
					p += ", ..."
				}
				params = append(params, p)
			}
		}
		call = "(" + strings.Join(params, ", ") + ")"
	}
	goText := goWord
	if s.fn != nil {
		var b bytes.Buffer
		_ = printer.Fprint(&b, token.NewFileSet(), s.fn) // to memory
		goText += strings.TrimPrefix(b.String(), "func")
	}
	text := strings.Join(strings.Fields(s.text), " ")
	fmt.Fprintf(&g.lines, "%s\t%s\t%s\n", key, call, text)
	if text != "" {
		text = "  <br>" + escape(text) + "\n"
	}
	fmt.Fprintf(g, "- %s\n  <br>Go: %s\n%s", code(word+call), code(goText), text)
}
