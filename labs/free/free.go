// Package free runs the user's own programs on two private hosts, and carries what
// they send by rules that name segments: tcplab run. The record has what went over the
// wire and, for both ends, what the kernel said of their sockets just after.
package free

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"time"

	"github.com/tcplab/tcplab/labs/internal/pid1"
	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/record"
)

// The hosts' names.
const (
	Client = "client"
	Server = "server"
)

// Options are what a run is made of.
type Options struct {
	// Server is the command line, for the shell, of the program that runs on the server;
	// "" for none.
	Server string
	// Client is the program that runs on the client, found by PATH, and its arguments.
	Client []string
	// Port is where the server is to listen before the client starts; 0 for any port.
	Port int
	// Wait is how long that may take; 0 is DefaultWait, and less does not wait.
	Wait time.Duration
	// Linger is how long the wire stays when the client has ended, unless all
	// connections are closed before; 0 is DefaultLinger, and less does not stay.
	Linger time.Duration
	// Timeout is how long the client may run; 0 for any time.
	Timeout time.Duration

	Rules  []*Rule
	Expect []*Expectation

	IPv6 bool
	// Fast lets the hosts send bursts of segments, as they give them to a network card
	// with TSO: for much data. A segment of the record, or of a rule, may then be a
	// burst of many.
	Fast        bool
	Sysctls     []Sysctl // later ones win
	HostSysctls bool     // the hosts have this machine's own values instead of the pinned ones
	// Fold is how many segments of a connection in a row that are nothing but data are
	// told one by one, before they are only counted; 0 is DefaultFold, and less tells all.
	Fold    int
	Version string   // of tcplab, for the record
	Given   []string // the flags, as they were typed, for the record

	// Stdin is what the client reads; nil for nothing.
	Stdin *os.File
	// Output, if not nil, is given each line that a program writes. It is called by
	// several goroutines.
	Output func(host, line string)
	// OnStart, if not nil, is given the record when the run begins: all of it but what
	// is still to come. OnEvent is given each event as it happens. An error of either
	// ends the run, and it is broken.
	OnStart func(*record.Run) error
	OnEvent func(record.Event) error
}

// The times that Options has for 0.
const (
	DefaultWait   = 10 * time.Second
	DefaultLinger = 5 * time.Second
)

// A Sysctl is a setting of one host (Side), or of both where Side is "".
type Sysctl struct{ Side, Key, Value string }

// A UsageError is a value that was refused before anything was started.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

// Main is for the main function of a program that calls Run, and for TestMain, before
// anything else: it makes the program the init of one of the hosts where Run has started
// it for that. Where it returns true the program is to end with the status.
func Main() (status int, is bool) { return pid1.Main() }

// Run runs the programs, and returns the record of what happened. The claims in it are
// the expectations, and that each rule has acted. The error is a *UsageError,
// ctx's where the run was interrupted, or what this machine does not allow; where there
// is a record, that is of what happened until then. What the instrument could not do is
// no error: the record's outcome is then Broken. So it is where something did not come out
// while the machine held the wire up.
func Run(ctx context.Context, o Options) (*record.Run, error) {
	r, err := newRun(o)
	if err != nil {
		return nil, err
	}
	_, err = rig.Do(ctx, rig.Config{
		Hosts: r.hosts(), Configure: r.configure, Live: true, Patience: patience, Budget: forever,
	}, r.tell)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, r.refusal(err)
	}
	return r.record(), ctx.Err()
}

const (
	// patience bounds every wait for what the machine does at once.
	patience = 10 * time.Second
	// forever is longer than anybody waits: a run of programs ends by them.
	forever = 1000 * time.Hour
)

// The hosts' networks are from the ranges for documentation (RFC 5737, RFC 3849), and
// exist in the private namespaces alone.
var (
	network4 = [2]netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("192.0.2.2/24")}
	network6 = [2]netip.Prefix{netip.MustParsePrefix("2001:db8::1/64"), netip.MustParsePrefix("2001:db8::2/64")}
)

func (r *run) hosts() []*stack.Host {
	network := network4
	if r.o.IPv6 {
		network = network6
	}
	hosts := []*stack.Host{stack.New(Client, network[0]), stack.New(Server, network[1])}
	for _, h := range hosts {
		h.Offload = r.o.Fast
	}
	return hosts
}

// newRun fills in what o leaves to Run.
func newRun(o Options) (*run, error) {
	if len(o.Client) == 0 {
		return nil, &UsageError{"want the client's command"}
	}
	path, err := exec.LookPath(o.Client[0])
	if err != nil {
		return nil, &UsageError{fmt.Sprintf("the client's program: %v", err)}
	}
	if o.Wait == 0 {
		o.Wait = DefaultWait
	}
	if o.Linger == 0 {
		o.Linger = DefaultLinger
	}
	switch {
	case o.Fold == 0:
		o.Fold = DefaultFold
	case o.Fold < 0:
		o.Fold = 0
	}
	r := &run{o: o, path: path, sysctls: map[string]map[string]string{Client: {}, Server: {}}}
	for _, rule := range o.Rules {
		fresh, err := ParseRule(rule.text) // it counts
		if err != nil {
			return nil, err
		}
		r.rules = append(r.rules, fresh)
	}
	for _, e := range o.Expect {
		fresh := *e
		r.expect = append(r.expect, &fresh)
	}
	if o.HostSysctls {
		if r.own, err = stack.Own(nil); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// errInterrupted ends a run that the user has ended.
var errInterrupted = rig.ErrCanceled

// broken reports whether an error is the instrument's.
func broken(err error) bool { return err != nil && !errors.Is(err, errInterrupted) }
