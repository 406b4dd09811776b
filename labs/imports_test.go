package labs_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/tcplab/tcplab/"

// A layer is a group of packages that may import one another and the layers
// below that it names. This is the direction of docs/ARCHITECTURE.md.
type layer struct {
	name string
	has  func(folder string) bool
	may  []string
}

// The first layer that has a folder is the folder's.
var layers = []layer{
	{"cmd", under("cmd"), []string{"labs", "coverage", "lab", "play", "free", "machine", "report", "record", "sockopt"}},
	{"labs", is("labs"), []string{"sections", "lab"}},
	{"lab", is("labs/lab"), []string{"machine", "rig", "stack", "rto", "leaves", "record", "sockopt"}},
	{"play", is("labs/play"), []string{"lab", "leaves", "record", "sockopt"}},
	{"labtest", is("labs/lab/labtest"), []string{"lab", "machine", "need", "report", "record", "sockopt"}}, // for tests alone
	{"free", is("labs/free"), []string{"machine", "rig", "stack", "leaves", "record"}},
	{"report", is("labs/report"), []string{"record"}},
	{"coverage", is("labs/coverage"), []string{"record", "sockopt"}},
	{"record", is("labs/record"), nil},
	{"need", is("labs/internal/need"), []string{"machine", "leaves"}}, // for tests alone
	{"machine", is("labs/machine"), []string{"rig", "stack", "account", "leaves", "record"}},
	{"rig", is("labs/internal/rig"), []string{"stack", "journal", "account", "leaves", "record"}},
	{"stack", is("labs/internal/stack"), []string{"leaves", "record"}},
	{"journal", is("labs/internal/journal"), []string{"record"}},
	{"account", is("labs/internal/account"), []string{"leaves", "record"}},
	{"rto", is("labs/internal/rto"), nil},
	{"leaves", under("labs/internal"), []string{"record"}},
	{"sections", under("labs"), []string{"lab", "record", "sockopt"}},
	{"sockopt", under("sockopt"), nil},
}

func is(want string) func(string) bool { return func(folder string) bool { return folder == want } }

func under(top string) func(string) bool {
	return func(folder string) bool { return folder == top || strings.HasPrefix(folder, top+"/") }
}

func layerOf(folder string) (layer, bool) {
	i := slices.IndexFunc(layers, func(l layer) bool { return l.has(folder) })
	if i < 0 {
		return layer{}, false
	}
	return layers[i], true
}

// Imports go one way, tests aside: cmd → labs → sections → lab → machine → rig →
// stack, journal, account → the leaves → record, and report → record. rto and
// sockopt stand alone.
func TestImportDirection(t *testing.T) {
	const top = ".."
	files := 0
	err := filepath.WalkDir(top, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != top && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		files++
		folder, err := filepath.Rel(top, filepath.Dir(file))
		if err != nil {
			return err
		}
		from, ok := layerOf(filepath.ToSlash(folder))
		if !ok {
			t.Errorf("%s is in no layer", file)
			return nil
		}
		for _, target := range importsOf(t, file) {
			to, ok := layerOf(target)
			if !ok || to.name != from.name && !slices.Contains(from.may, to.name) {
				t.Errorf("%s (%s) imports %s (%s)", file, from.name, target, to.name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Errorf("only %d files were found", files)
	}
}

// importsOf returns the folders of this module that a file imports.
func importsOf(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, i := range f.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if folder, ours := strings.CutPrefix(name, module); ours {
			folders = append(folders, folder)
		}
	}
	return folders
}
