// Package lab is the vocabulary that labs are written in, and runs them.
//
// A Lab names its claims and tells its story, a Script, in system calls and
// segments. The Script's words act on the running kernel, record what happens,
// and end the story where something they need does not come (as testing's
// FailNow ends a test), so that a story carries no error handling. Run makes
// the hosts, runs the story and returns the record.
package lab

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tcplab/tcplab/labs/machine"
)

// A Lab reproduces one documented behaviour of TCP and judges what is claimed
// about it.
type Lab struct {
	Name  string // the command: "noaccept"
	Title string // what it shows, in one sentence without a full stop
	Look  string // what to look at in its ladder, for a reader of a book: one line without a full stop
	Long  string // the help text, for a newcomer to TCP
	// Why says why Linux behaves this way, for one who has seen the ladder: which
	// part of the kernel decides it, and to what end. Empty lines part
	// paragraphs.
	Why string
	// Try are commands worth typing next.
	Try []Try
	// Claims are judged exactly once each, in a run that they apply to.
	Claims []Claim
	Knobs  []Knob
	// Alone is set where the story has one host, the client.
	Alone bool
	// Addresses is how many addresses each host has; 0 is one.
	Addresses int
	// BothFamilies gives each host an address of the other family, too, after the
	// others: IPv6 in a run on IPv4.
	BothFamilies bool
	// Windows is set where the story is about windows: its ladder shows each segment's.
	Windows bool
	// TimeWaits is how many connections a host of the story keeps as time-wait
	// sockets at once. With less room (net.ipv4.tcp_max_tw_buckets) the story
	// has no ground, and all its claims are inapplicable.
	TimeWaits int
	// Backlog is the least listen backlog that the story needs. With less
	// (net.core.somaxconn) it has no ground either.
	Backlog int
	// Reads names sysctls that the story's behaviour rests on and that are not
	// pinned ("server:net.core.somaxconn"), so that the record holds them.
	Reads []string
	// Sockopts names the socket options that the story is seen to set or get
	// ("SO_ERROR"), so that the manual of an option can name its labs.
	Sockopts []string
	// Check refuses knobs that do not go together, before the run. Its error
	// names the flag, the value and what is allowed.
	Check  func(Args) error
	Script func(*Script)
}

// A Try is a command that shows more.
type Try struct {
	Command string // what follows "tcplab ": "backlog --n 0"
	Says    string // what is to be seen then, in a few words
}

// A Claim is one documented statement, and what would refute it.
type Claim struct {
	ID     string // stable, kebab-case
	Text   string // one sentence that can be checked
	Source string // RFC sections, manual pages, kernel files and functions, parted by "; "
	// Myth marks a widespread statement that is not true of Linux; the catalogue
	// expects it refuted.
	Myth  bool
	Truth string // for a Myth: what holds instead
	// When reports whether the claim is part of a run with these knobs; nil means
	// that it always is.
	When func(Args) bool
	// Control is a sabotaged run in which the claim must come out refuted (a
	// myth: confirmed). A claim that nothing can refute is not a claim.
	Control Control
}

// Paragraphs parts a text, Long or Why, at its empty lines, and makes each
// paragraph one line, to be broken where it is shown.
func Paragraphs(text string) []string {
	var all []string
	for p := range strings.SplitSeq(text, "\n\n") {
		if words := strings.Fields(p); len(words) > 0 {
			all = append(all, strings.Join(words, " "))
		}
	}
	return all
}

// A Knob is a flag of a lab's own.
type Knob struct {
	Name string
	Help string
	// Sysctl, for a knob that turns one ("server:net.core.somaxconn"): the
	// kernel says which values it takes, and its own value is the default.
	Sysctl string
	// Pinned is what the lab sets the sysctl to where the user says nothing
	// about it; "" leaves it as it is in all labs.
	Pinned string
	// Switch is set for a knob that is on or off. Its values are 1 and 0.
	Switch bool
	// Default, Min and Max are for a number.
	Default, Min, Max int
	// Auto says what the default is where the lab works it out ("enough to
	// overflow"). The knob is then -1 until it is set.
	Auto string
}

// Number returns a knob that is a number from least to most.
func Number(name string, def, least, most int, help string) Knob {
	return Knob{Name: name, Help: help, Default: def, Min: least, Max: most}
}

// Switch returns a knob that is off unless it is given.
func Switch(name, help string) Knob {
	return Knob{Name: name, Help: help, Switch: true, Max: 1}
}

// Turns returns a knob that sets a sysctl of one side ("server:net.…").
func Turns(name, sysctl, help string) Knob {
	return Knob{Name: name, Help: help, Sysctl: sysctl}
}

// Pin returns the knob with a default of the lab's own: the sysctl has that
// value unless the user gives another, by the knob or by --sysctl.
func (k Knob) Pin(value string) Knob {
	k.Pinned = value
	return k
}

// DefaultText is the knob's default in words, and "" for a switch.
func (k Knob) DefaultText() string {
	switch {
	case k.Auto != "":
		return k.Auto
	case k.Pinned != "":
		return k.Pinned
	case k.Sysctl != "":
		return "the kernel's"
	case k.Switch, k.Name == "":
		return ""
	default:
		return strconv.Itoa(k.Default)
	}
}

// Args are the values of a lab's knobs, by name. A knob that turns a sysctl is
// in it only where it was given.
type Args map[string]string

// Int returns the value of a knob that is a number, or a sysctl's that was
// given. It returns 0 for one that is not there.
func (a Args) Int(name string) int {
	n, _ := strconv.Atoi(a[name]) // checked by resolve
	return n
}

// On returns the value of a switch.
func (a Args) On(name string) bool { return a[name] == "1" }

// Accepts refuses what Run would refuse of a lab's knobs before it asks the
// kernel.
func (l *Lab) Accepts(given Args) error {
	_, err := l.resolve(given)
	return err
}

// resolve fills in the defaults and refuses what is no value of a knob.
func (l *Lab) resolve(given Args) (Args, error) {
	args := Args{}
	for name := range given {
		if !slices.ContainsFunc(l.Knobs, func(k Knob) bool { return k.Name == name }) {
			return nil, usage("--%s: %s has no such flag", name, l.Name)
		}
	}
	for _, k := range l.Knobs {
		value, ok := given[k.Name]
		switch {
		case ok && k.Sysctl == "":
			n, err := k.number(value)
			if err != nil {
				return nil, err
			}
			args[k.Name] = strconv.Itoa(n) // "5", where "+05" was given
		case ok:
			args[k.Name] = value // the kernel checks it
		case k.Auto != "":
			args[k.Name] = "-1"
		case k.Sysctl == "":
			args[k.Name] = strconv.Itoa(k.Default)
		}
	}
	if l.Check != nil {
		if err := l.Check(args); err != nil {
			var missing *machine.MissingError
			if len(given) == 0 && errors.As(err, &missing) { // the user has asked for no number
				return nil, missing
			}
			return nil, err
		}
	}
	return args, nil
}

func (k Knob) number(value string) (int, error) {
	if err := k.Takes(value); err != nil {
		return 0, usage("--%s %s: %v", k.Name, value, err)
	}
	return strconv.Atoi(value)
}

// Takes refuses what is no value of a knob that is a number or a switch. The error says
// what is one.
func (k Knob) Takes(value string) error {
	if n, err := strconv.Atoi(value); err != nil || n < k.Min || n > k.Max {
		return fmt.Errorf("want a whole number from %d to %d", k.Min, k.Max)
	}
	return nil
}

// A UsageError is a value that was refused before anything was done. Its text
// is one line that names the flag, the value and what is allowed.
type UsageError struct {
	text  string
	cause error // a *machine.MissingError where another machine would allow it; or nil
}

func (e *UsageError) Error() string { return e.text }
func (e *UsageError) Unwrap() error { return e.cause }

func usage(format string, args ...any) error {
	return &UsageError{text: fmt.Sprintf(format, args...)}
}

// Refuse returns a UsageError about a flag, for Lab.Check.
func Refuse(flag, value, allowed string) error {
	return usage("--%s %s: %s", flag, value, allowed)
}

// A Sysctl is a setting to be made in the private namespaces before a run.
type Sysctl struct {
	Side       string // "client", "server", or "" for both
	Key, Value string
	flag       string // how the user said it, for errors
}

// ParseSysctl reads KEY=VALUE, client:KEY=VALUE or server:KEY=VALUE.
func ParseSysctl(text string) (Sysctl, error) {
	key, value, ok := strings.Cut(text, "=")
	s := Sysctl{Key: key, Value: value, flag: "--sysctl " + text}
	if side, key, ok := strings.Cut(s.Key, ":"); ok {
		s.Side, s.Key = side, key
		if side != clientName && side != serverName {
			return Sysctl{}, usage("--sysctl %s: want client: or server: before the key, not %s:", text, side)
		}
	}
	if !ok || s.Key == "" || value == "" {
		return Sysctl{}, usage("--sysctl %s: want KEY=VALUE, with client: or server: before it for one side", text)
	}
	return s, nil
}
