package sockopt

import (
	"cmp"
	"embed"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// The doc comments of the options are the manual: they are read out of this
// package's own source, so that there is one text for go doc and for a
// program that explains an option, and none of the two can fall behind. Tests
// are not embedded: their files have other names.
//
//go:embed ip.go ipv6.go info.go socket_*.go tcp_*.go
var source embed.FS

// Ident is the option's name in this package: NoDelay for TCP_NODELAY.
func (e Entry) Ident() string { return manual()[e.Name].ident }

// Doc is the option's whole doc comment, with lines broken as in the source.
func (e Entry) Doc() string { return manual()[e.Name].text }

// Manual is [Entry.Doc] for those who don't read Go: its paragraphs, a line
// each, with every option called by its kernel name.
func (e Entry) Manual() []string { return manual()[e.Name].paragraphs }

// Summary is the first sentence of [Entry.Manual], without the name it begins
// with: "turns Nagle's algorithm off: …".
func (e Entry) Summary() string {
	paragraphs := e.Manual()
	if len(paragraphs) == 0 {
		return ""
	}
	return strings.TrimPrefix(new(doc.Package).Synopsis(paragraphs[0]), e.Name+" ")
}

type page struct {
	ident, text string
	paragraphs  []string
}

// manual maps an option's kernel name to its page.
var manual = sync.OnceValue(func() map[string]page {
	pages := map[string]page{}
	files, err := source.ReadDir(".")
	if err != nil {
		return pages // not with an embedded directory
	}
	for _, f := range files {
		text, err := source.ReadFile(f.Name())
		if err != nil {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			continue // it was compiled
		}
		for _, d := range file.Decls {
			if decl, ok := d.(*ast.GenDecl); ok && decl.Tok == token.VAR && decl.Doc != nil {
				if name := kernelName(decl); name != "" {
					ident := decl.Specs[0].(*ast.ValueSpec).Names[0].Name
					pages[name] = page{ident: ident, text: decl.Doc.Text()}
				}
			}
		}
	}
	translate(pages)
	return pages
})

// translate fills in the paragraphs: what is Go's becomes the kernel's.
func translate(pages map[string]page) {
	kernel := map[string]string{}
	for name, p := range pages {
		kernel[p.ident] = name
	}
	link := regexp.MustCompile(`\[([A-Z][\w.]*)\]`)
	for name, p := range pages {
		text := name + strings.TrimPrefix(p.text, p.ident+" ("+name+")")
		text = link.ReplaceAllStringFunc(text, func(l string) string {
			ident := strings.Trim(l, "[]")
			return cmp.Or(kernel[ident], ident)
		})
		text = strings.NewReplacer("This package", "The Go package", "this package", "the Go package").Replace(text)
		for paragraph := range strings.SplitSeq(text, "\n\n") {
			p.paragraphs = append(p.paragraphs, strings.Join(strings.Fields(paragraph), " "))
		}
		pages[name] = p
	}
}

// kernelName finds Name: "…" in a declaration.
func kernelName(decl *ast.GenDecl) string {
	var name string
	ast.Inspect(decl, func(n ast.Node) bool {
		kv, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return name == ""
		}
		key, isIdent := kv.Key.(*ast.Ident)
		value, isLit := kv.Value.(*ast.BasicLit)
		if isIdent && isLit && key.Name == "Name" {
			name, _ = strconv.Unquote(value.Value)
		}
		return name == ""
	})
	return name
}
