package cli

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// A topic is what explain is asked about that is no lab, and what the labs have of it:
// their golden ladders, claims and flags.
type topic struct {
	name, is string
	shown    []showing
	claims   []labClaim
	flags    []string // "tcplab backlog --somaxconn"
}

// A showing is a lab that shows the topic.
type showing struct {
	lab   *lab.Lab
	part  string // of its ladder; "" where the lab only depends on it
	line  string
	count int // how often
	about int // how much of the lab is about it
}

type labClaim struct {
	lab *lab.Lab
	*lab.Claim
}

// findTopic finds what a user may mean by a word, whatever its case; nil for nothing.
func findTopic(word string) *topic {
	for _, l := range labs.All() {
		for i := range l.Claims {
			if l.Claims[i].ID == strings.ToLower(word) {
				return &topic{name: l.Claims[i].ID, is: "a claim of " + l.Name, claims: []labClaim{{l, &l.Claims[i]}}}
			}
		}
	}
	t := &topic{name: word}
	t.nameIt(word)
	t.look()
	if t.shown == nil && t.claims == nil && t.flags == nil {
		return nil
	}
	return t
}

// nameIt finds out what kind of thing a word names, and its usual spelling.
func (t *topic) nameIt(word string) {
	upper := strings.ToUpper(strings.ReplaceAll(word, "-", "_"))
	state := strings.ReplaceAll(strings.TrimPrefix(upper, "TCP_"), "_", "")
	for _, s := range record.SocketStates {
		if strings.ReplaceAll(s, "_", "") == state {
			t.name, t.is = s, "a state of a socket"
			return
		}
	}
	if errno := errnoOf(word); errno != 0 {
		t.name, t.is = unix.ErrnoName(errno), "an error: "+errno.Error()
		return
	}
	for _, e := range sockopt.Find(upper) {
		t.name, t.is = e.Name, "a socket option: "+strings.TrimSuffix(e.Summary(), ".")+" (tcplab sockopt "+e.Name+")"
		return
	}
	for _, key := range machine.SysctlKeys(lab.Sysctls(labs.All())) {
		if key == word || strings.HasSuffix(key, "."+strings.ToLower(word)) {
			t.name = key
			now, pinned := machine.SysctlOf(key)
			t.is = "a sysctl; " + now + " on this machine"
			if pinned != "" {
				t.is += ", and " + pinned + " on the private hosts"
			}
			return
		}
	}
	for _, l := range labs.All() { // as a ladder spells it: ListenOverflows
		if found := regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(word) + `\b`).FindString(labs.Ladder(l.Name)); found != "" {
			t.name = found
			return
		}
	}
}

// errnoOf is the error of that name, or of that text ("too many open files"), or 0.
func errnoOf(said string) unix.Errno {
	for n := unix.Errno(1); n <= unix.EHWPOISON; n++ { // the last
		if strings.EqualFold(unix.ErrnoName(n), said) || strings.EqualFold(n.Error(), said) {
			return n
		}
	}
	return 0
}

// look looks for the topic in all labs.
func (t *topic) look() {
	short := t.name[strings.LastIndexByte(t.name, '.')+1:]
	word := regexp.MustCompile(`(^|[^A-Za-z0-9_])` + regexp.QuoteMeta(short) + `($|[^A-Za-z0-9_])`)
	for _, l := range labs.All() {
		s := showing{lab: l}
		part := ""
		for line := range strings.Lines(labs.Ladder(l.Name)) {
			line = strings.TrimSpace(line)
			if heading, ok := strings.CutPrefix(line, "── "); ok {
				part = strings.TrimRight(heading, "─ ")
				continue
			}
			if word.MatchString(line) && !strings.Contains(line, "(still ") {
				if s.count++; s.count == 1 {
					s.part, s.line = part, unframed(line)
				}
			}
		}
		reads := slices.ContainsFunc(l.Reads, func(r string) bool { return strings.HasSuffix(r, ":"+t.name) })
		for _, k := range l.Knobs {
			if strings.HasSuffix(k.Sysctl, ":"+t.name) {
				t.flags = append(t.flags, "tcplab "+l.Name+" --"+k.Name)
			}
		}
		for i := range l.Claims {
			c := &l.Claims[i]
			if word.MatchString(c.Text + " " + c.Truth + " " + c.Source) {
				t.claims = append(t.claims, labClaim{l, c})
				s.about++
			}
		}
		if word.MatchString(l.Title) || strings.EqualFold(l.Name, strings.ReplaceAll(t.name, "_", "")) {
			s.about += len(l.Claims)
		}
		if s.count > 0 || reads || slices.Contains(l.Sockopts, t.name) {
			t.shown = append(t.shown, s)
		}
	}
	slices.SortStableFunc(t.shown, func(a, b showing) int { return cmp.Or(b.about-a.about, b.count-a.count) })
}

// unframed is a line of a ladder without the lifelines, and with short arrows. It is
// empty for the end of a call that begins on another line.
func unframed(line string) string {
	line = strings.Join(strings.Fields(strings.NewReplacer("│", " ", "├", "", "┤", "").Replace(line)), " ")
	if strings.Count(line, ")") > strings.Count(line, "(") {
		return ""
	}
	return dashes().ReplaceAllString(line, "──")
}

var dashes = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("─+") })

// unknownTerm says that no lab knows it, and what was meant.
func unknownTerm(word string) error {
	names := slices.Concat(labNames(), record.SocketStates, optionNames())
	for _, l := range labs.All() {
		for _, c := range l.Claims {
			names = append(names, c.ID)
		}
	}
	return usageError{fmt.Errorf("explain: no lab is called %q or shows it: %s", word, hint(word, names, "tcplab list shows the labs"))}
}

const mostShown = 8

// topic writes which labs show a topic, and what they claim of it.
func (p *explainPrinter) topic(t *topic) {
	text := t.name
	if t.is != "" {
		text += ": " + t.is
	}
	p.wrapped(0, bold, text)
	if len(t.shown) > 0 {
		p.heading("Labs that show it")
	}
	for i, s := range t.shown {
		if i == mostShown {
			var more []string
			for _, s := range t.shown[i:] {
				more = append(more, s.lab.Name)
			}
			p.wrapped(2, "", "and "+strings.Join(more, ", "))
			break
		}
		p.wrapped(2, bold, "tcplab "+s.lab.Name)
		p.wrapped(6, "", s.lab.Title)
		switch {
		case s.count == 0:
			p.wrapped(6, dim, "depends on it")
		case s.part == "" || s.line == "":
			p.wrapped(6, dim, s.part+s.line)
		default:
			p.wrapped(6, dim, s.part+": "+s.line)
		}
	}
	if len(t.flags) > 0 {
		p.heading("Flags that set it")
		for _, f := range t.flags {
			p.wrapped(2, bold, f)
		}
	}
	if len(t.claims) > 0 {
		p.heading("What is claimed of it")
	}
	for _, c := range t.claims {
		p.claim(c.Claim, true)
		p.wrapped(6, dim, "shown by: tcplab "+c.lab.Name)
	}
}
