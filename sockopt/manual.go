package sockopt

import (
	"embed"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
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

// Summary is the first sentence of [Entry.Doc], without the name it begins
// with: "turns Nagle's algorithm off: …".
func (e Entry) Summary() string {
	sentence := new(doc.Package).Synopsis(e.Doc())
	sentence = strings.TrimPrefix(sentence, e.Ident()+" ("+e.Name+") ")
	return strings.NewReplacer("[", "", "]", "").Replace(sentence)
}

type page struct{ ident, text string }

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
					pages[name] = page{ident, decl.Doc.Text()}
				}
			}
		}
	}
	return pages
})

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
