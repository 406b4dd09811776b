package main

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
)

// manuals returns the man pages of a command and all below it, by file names.
func manuals(cmd *cobra.Command) (map[string]string, error) {
	pages := map[string]string{}
	prepare(cmd)
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
			continue
		}
		below, err := manuals(c)
		if err != nil {
			return nil, err
		}
		maps.Copy(pages, below)
	}
	text, err := manual(cmd)
	pages[strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"] = text
	return pages, err
}

// prepare makes a command's texts the Markdown that cobra takes them for.
func prepare(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true // it holds the day
	cmd.Short = escape(cmd.Short)
	var long []string
	for _, p := range lab.Paragraphs(cmd.Long) {
		if status, ok := strings.CutPrefix(p, statusBegins); ok { // it has a section of its own
			cmd.Annotations = map[string]string{statusBegins: status}
			continue
		}
		long = append(long, escape(strings.TrimLeft(p, "# ")))
	}
	if l := labs.Find(cmd.Name()); l != nil {
		cmd.Example = examples(l)
	}
	cmd.Long = strings.Join(long, "\n\n")
	cmd.InitDefaultHelpFlag()
	cmd.Flags().VisitAll(describe)
}

func examples(l *lab.Lab) string {
	lines := []string{"tcplab " + l.Name}
	for _, t := range l.Try {
		lines = append(lines, "", "# "+t.Says, "tcplab "+t.Command)
	}
	return strings.Join(lines, "\n")
}

// describe has a flag show what its value stands for, and its default behind
// what it does: cobra shows the default in the value's place.
func describe(f *pflag.Flag) {
	value, usage := pflag.UnquoteUsage(f)
	usage = escape(strings.Join(strings.Fields(usage), " "))
	switch f.DefValue {
	case "", "false", "[]":
	default:
		usage += " (default " + escape(f.DefValue) + ")"
	}
	if value == "int" {
		value = "N"
	}
	f.Usage, f.DefValue, f.NoOptDefVal = usage, value, ""
}

// nothing is a date that stands for none: a page must not change with the day.
var nothing = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)

func manual(cmd *cobra.Command) (string, error) {
	more := exitStatus
	if own := cmd.Annotations[statusBegins]; own != "" && cmd.HasParent() {
		more = statusSection(own)
	}
	if !cmd.HasParent() {
		more = commands(cmd) + more // GenMan sorts them by name
	}
	var b bytes.Buffer
	header := doc.GenManHeader{Section: "1", Date: &nothing, Source: "tcplab", Manual: "tcplab"}
	if err := doc.GenMan(cmd, &header, &b); err != nil {
		return "", err
	}
	text := strings.Replace(b.String(), `"`+nothing.Format("Jan 2006")+`"`, `""`, 1)
	text = flagWithout.ReplaceAllString(text, "$1")
	text = flagQuoted.ReplaceAllString(text, "$1$2")
	text = flagText.ReplaceAllString(text, ".TP\n$1$2")
	text = flagName.ReplaceAllStringFunc(text, func(s string) string { return strings.ReplaceAll(s, "-", `\-`) })
	for _, next := range []string{".SH EXAMPLE", ".SH SEE ALSO"} {
		if i := strings.Index(text, next); i >= 0 {
			return text[:i] + more + text[i:], nil
		}
	}
	return text + more, nil
}

// commands lists what can be typed, in teaching order, in roff.
func commands(root *cobra.Command) string {
	var b strings.Builder
	for _, g := range root.Groups() {
		fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(strings.TrimSuffix(g.Title, ":")))
		for _, c := range root.Commands() {
			if c.GroupID == g.ID && c.IsAvailableCommand() {
				// Short is Markdown now, and roff acts on backslashes too.
				fmt.Fprintf(&b, ".TP\n\\fBtcplab %s\\fP\n%s\n", c.Name(), strings.ReplaceAll(c.Short, `\`, ""))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// What cobra writes of a flag that takes no value, and of one that takes a text;
// and what a flag does, behind a tab, where man(7) would have a tagged paragraph.
// The minus of a flag is \- in roff: a bare one may show as a hyphen, which no
// shell takes.
var (
	flagWithout = regexp.MustCompile(`(?m)^(\\fB-.*\\fP)=$`)
	flagQuoted  = regexp.MustCompile(`(?m)^(\\fB-.*\\fP=)"(.*)"$`)
	flagText    = regexp.MustCompile(`(?m)^(?:\.PP\n)?(\\fB-.*\n)\t(.*)$`)
	flagName    = regexp.MustCompile(`--[a-z][a-z0-9-]*|\\fB-[a-z]\\fP`)
)

// statusBegins begins the paragraph of a command's help that says which exit statuses
// it has, other than all have: "Exit status: 0 this; 1 that; 2 wrong usage."
const statusBegins = "Exit status:"

// statusSection is such a paragraph in roff.
func statusSection(text string) string {
	var b strings.Builder
	b.WriteString(".SH EXIT STATUS\n")
	for _, one := range strings.Split(strings.TrimSuffix(strings.TrimSpace(text), "."), "; ") {
		number, says, _ := strings.Cut(one, " ")
		fmt.Fprintf(&b, ".TP\n%s\n%s\n", number, says)
	}
	return b.String() + "\n"
}

// exitStatus is what the help of tcplab says, in roff.
const exitStatus = `.SH EXIT STATUS
.TP
0
no surprise
.TP
1
a surprise: a claim was refuted, or a myth confirmed
.TP
2
wrong usage: one line says which flag, which value and what is allowed
.TP
3
this machine can't run it, or the instrument broke
.TP
130
interrupted

`
