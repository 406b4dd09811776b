package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tcplab/tcplab/sockopt"
)

// sockoptPrinter writes the options for people to read.
type sockoptPrinter struct{ printer }

// What is known of a value that is none.
func (r *sockoptRow) missing() (text, style string) {
	switch {
	case r.Status == sockopt.Unsupported.String():
		return "unsupported", dim
	case r.Errno != "":
		return r.Errno, yellow
	case r.Ask:
		return "asked for", dim
	case !r.Get:
		return "set only", dim
	}
	return "", ""
}

// allowed says in a few words which values setsockopt takes.
func (r *sockoptRow) allowed() string {
	text := r.Range
	switch {
	case text != "":
	case r.Type == "bool" && r.Set:
		text = "on, off"
	case r.Unit == "" && slices.Contains([]string{"int", "uint32", "uint64"}, r.Type) && r.Set:
		text = "any number"
	case r.Type == "time.Duration":
		text = "a time"
	}
	if r.Unit != "" {
		text = strings.TrimSpace(text + " " + r.Unit)
	}
	if !r.Set && !r.Ask {
		if text != "" {
			text += ", "
		}
		text += "read-only"
	}
	return text
}

// subject says what socket the values are of.
func (t *sockoptTable) subject() string {
	return map[string]string{
		freshSocket: "a fresh TCP socket",
		listener:    "a listening TCP socket",
		established: "an established connection",
	}[t.Socket]
}

func (t *sockoptTable) place() string {
	switch {
	case t.Socket == established:
		return "between two private hosts, at the client. The sysctls are those of the labs' hosts."
	case t.Namespace == "host":
		return "in this host's network namespace, with its sysctls."
	}
	return "in a network namespace of its own: with a new one's sysctls, not this host's."
}

// leastTable is how narrow the table of all options can be.
const leastTable = 60

// table writes all options, a line for the values and one for what it does.
func (p *sockoptPrinter) table(t *sockoptTable) {
	const since, name = 6, 24
	ranges := min(32, (p.width-name-since-6)*4/7)
	values := p.width - name - since - ranges - 6
	p.wrapped(0, "", fmt.Sprintf("The socket options of TCP on Linux %s, on %s %s The IPv6 options are those of an IPv6 socket.",
		t.Kernel, t.subject(), t.place()))

	level := ""
	for i := range t.Options {
		r := &t.Options[i]
		if r.Level != level {
			level = r.Level
			fmt.Fprintln(p.w)
			p.row(cell{name, bold, level}, cell{values, dim, "VALUE"}, cell{ranges, dim, "RANGE"}, cell{since, dim, "SINCE"})
		}
		value, style := r.missing()
		if value == "" {
			value = cut(p.text(r.Value), values)
		}
		p.row(cell{name, bold, r.Name}, cell{values, style, value}, cell{ranges, "", r.allowed()}, cell{since, "", r.Since})
		p.wrapped(4, dim, r.brief(p.width-4))
	}
	p.legend(t)
}

// brief is the summary, shortened to its main clause where all of it does not
// fit on a line.
func (r *sockoptRow) brief(width int) string {
	text := strings.TrimSuffix(r.Summary, ".")
	for utf8.RuneCountInString(text) > width {
		i := strings.LastIndexAny(text, ":;")
		if i < 0 {
			break
		}
		text = text[:i]
	}
	return text
}

func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return strings.TrimRight(string([]rune(text)[:width-3]), " ") + "..."
}

func (p *sockoptPrinter) legend(t *sockoptTable) {
	shown := map[string]int{}
	for i := range t.Options {
		switch r := &t.Options[i]; {
		case r.Value != "":
			shown["value"]++
		case r.Status == sockopt.Supported.String():
			shown["none"]++
		default:
			shown[r.Status]++
		}
	}
	fmt.Fprintln(p.w)
	p.wrapped(0, "", fmt.Sprintf("%d options: %d with a value, %d that can't be read, %d that this socket refuses, %d unsupported.",
		len(t.Options), shown["value"], shown["none"], shown["refused"], shown["unsupported"]))
	p.wrapped(0, dim, "An errno in place of a value: the kernel has the option but refuses to read it on this socket. "+
		"unsupported: the kernel has no such option. set only, asked for: there is nothing to read without an argument. "+
		"tcplab sockopt NAME explains one.")
}

// pages writes all that is known of each option.
func (p *sockoptPrinter) pages(t *sockoptTable) {
	for i := range t.Options {
		if i > 0 {
			fmt.Fprintln(p.w)
		}
		p.page(t, &t.Options[i])
	}
}

func (p *sockoptPrinter) page(t *sockoptTable, r *sockoptRow) {
	fmt.Fprintln(p.w, p.paint(bold, r.Name))
	for _, paragraph := range r.Text {
		fmt.Fprintln(p.w)
		p.wrapped(2, "", paragraph)
	}
	fmt.Fprintln(p.w)
	p.fact("value", r.found(t))
	for _, f := range r.Fields {
		p.row(cell{}, cell{6, "", ""}, cell{26, "", f.Name}, cell{p.width - 38, "", strings.TrimSpace(f.Value + " " + f.Unit)})
	}
	p.fact("range", r.allowed())
	switch {
	case r.SysctlValue == "":
		p.fact("sysctl", r.Sysctl)
	case r.host:
		p.fact("sysctl", r.Sysctl+" = "+r.SysctlValue+" on this host")
	default:
		p.fact("sysctl", r.Sysctl+" = "+r.SysctlValue+" where that socket is, not on this host")
	}
	if r.Needs != "" {
		p.fact("needs", r.Needs+", to set it")
	}
	p.fact("since", "Linux "+r.Since)
	p.fact("number", fmt.Sprintf("%d of level %s (%d)", r.Number, r.Level, r.LevelNumber))
	p.fact("labs", strings.Join(r.Labs, ", "))
	p.fact("type", r.Type)
	p.fact("Go", strings.Join(r.calls(), "\n"))
}

// found says what came of reading the option.
func (r *sockoptRow) found(t *sockoptTable) string {
	on := " on " + t.subject()
	if r.entry.Level == sockopt.LevelIPv6 {
		on += " of IPv6"
	}
	switch {
	case r.Value != "" && strings.Trim(r.Value, "-0123456789") == "":
		return strings.TrimSpace(r.Value+" "+r.Unit) + on
	case r.Value != "":
		return r.Value + on
	case r.Errno != "":
		return r.Status + on + " (" + r.Errno + ")"
	case r.Ask:
		return "none: it has to be asked with an argument"
	}
	return "none: it can only be set"
}

// calls are the lines of Go that use the option.
func (r *sockoptRow) calls() []string {
	var lines []string
	if r.Get {
		lines = append(lines, fmt.Sprintf("v, err := sockopt.Get(fd, sockopt.%s)", r.Go))
	}
	if r.Set {
		lines = append(lines, fmt.Sprintf("err := sockopt.Set(fd, sockopt.%s, v)", r.Go))
	}
	if r.Ask {
		lines = append(lines, fmt.Sprintf("answer, err := sockopt.Ask(fd, sockopt.%s, question)", r.Go))
	}
	return lines
}

// fact writes a line that begins with what it is about, if there is anything to
// say.
func (p *sockoptPrinter) fact(about, text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		p.row(cell{}, cell{6, dim, about}, cell{p.width - 10, "", line})
		about = ""
	}
}
