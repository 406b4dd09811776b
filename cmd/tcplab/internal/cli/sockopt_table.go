package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/sockopt"
)

// sockoptTable is what tcplab sockopt has found out. --json prints it as it is:
// docs/sockopt.md describes it.
type sockoptTable struct {
	Schema    string       `json:"schema"`
	Kernel    string       `json:"kernel"`
	Socket    string       `json:"socket"`
	Namespace string       `json:"namespace"`
	Options   []sockoptRow `json:"options"`
}

// sockoptRow is one option. Empty means: nothing to say.
type sockoptRow struct {
	Name        string         `json:"name"`
	Level       string         `json:"level"`
	LevelNumber int            `json:"level_number"`
	Number      int            `json:"number"`
	Go          string         `json:"go"`
	Type        string         `json:"type"`
	Get         bool           `json:"get"`
	Set         bool           `json:"set"`
	Ask         bool           `json:"ask"`
	Range       string         `json:"range"`
	Unit        string         `json:"unit"`
	Since       string         `json:"since"`
	Needs       string         `json:"needs"`
	Sysctl      string         `json:"sysctl"`
	SysctlValue string         `json:"sysctl_value"`
	Status      string         `json:"status"`
	Value       string         `json:"value"`
	Errno       string         `json:"errno"`
	Fields      []sockoptField `json:"fields,omitempty"` // of TCP_INFO
	Labs        []string       `json:"labs"`
	Summary     string         `json:"summary"`
	Text        []string       `json:"text"`

	entry sockopt.Entry
	host  bool // the sysctl's value is this host's
}

type sockoptField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Unit  string `json:"unit"`
}

func newSockoptRow(e sockopt.Entry) sockoptRow {
	r := sockoptRow{
		Name: e.Name, Level: e.Level.String(), LevelNumber: int(e.Level), Number: e.Number,
		Go: e.Ident(), Type: e.Type, Get: e.Readable, Set: e.Settable, Ask: e.Query,
		Range: e.Range, Unit: e.Unit, Since: e.Since, Needs: e.Needs, Sysctl: e.Sysctl,
		Labs: []string{}, Summary: e.Summary(), Text: e.Manual(), entry: e,
	}
	for _, l := range labs.All() {
		if slices.Contains(l.Sockopts, e.Name) {
			r.Labs = append(r.Labs, l.Name)
		}
	}
	return r
}

// read reads the options that a socket of this family is there for: the IPv6
// ones on an IPv6 socket, all others on an IPv4 socket. With err there is none.
func (t *sockoptTable) read(family, fd int, err error) {
	for i := range t.Options {
		r := &t.Options[i]
		if (r.entry.Level == sockopt.LevelIPv6) == (family == unix.AF_INET6) {
			r.read(fd, err)
		}
	}
}

func (r *sockoptRow) read(fd int, err error) {
	if err == nil {
		r.Value, err = r.entry.Text(fd)
	}
	r.Status = sockopt.StatusOf(err).String()
	var errno unix.Errno
	if errors.As(err, &errno) {
		r.Errno = unix.ErrnoName(errno)
	}
	if err != nil || r.Name != sockopt.Info.Name {
		return
	}
	if info, err := sockopt.Get(fd, sockopt.Info); err == nil {
		for f := range info.Fields() {
			r.Fields = append(r.Fields, sockoptField{f.Name, fmt.Sprint(f.Value), f.Unit})
		}
	}
}

// readSysctls fills in the values that are not known yet of the sysctls, as the
// calling thread's network namespace has them. One that not every user may read
// is a secret, and left out. host: that namespace is this host's.
func (t *sockoptTable) readSysctls(host bool) {
	for i := range t.Options {
		r := &t.Options[i]
		if r.Sysctl == "" || r.SysctlValue != "" {
			continue
		}
		file := "/proc/sys/" + strings.ReplaceAll(r.Sysctl, ".", "/")
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm()&0o004 == 0 {
			continue
		}
		if text, err := os.ReadFile(file); err == nil {
			r.SysctlValue, r.host = strings.Join(strings.Fields(string(text)), " "), host
		}
	}
}
