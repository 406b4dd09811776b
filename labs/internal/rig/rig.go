// Package rig is two hosts and the wire between them: it carries segments, looks
// at sockets, waits for the kernel's timers, and knows how late it is. It returns
// errors, and knows nothing of stories and claims.
package rig

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/account"
	"github.com/tcplab/tcplab/labs/internal/journal"
	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/internal/tun"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// A Config says what a Rig is to be like.
type Config struct {
	Hosts []*stack.Host // all of them with Offload, or none
	// Configure is called for each host when it is made, on a thread in its
	// namespace; for all hosts at once.
	Configure func(*stack.Host) error
	Trace     bool // takes the kernel's own account too
	Live      bool // programs act, and there is no story: see live.go
	Blind     bool // looks at no socket
	// Patience bounds every wait for something that the kernel does at once.
	Patience time.Duration
	// Budget bounds the whole run, all but the time that the kernel's timers
	// have left when they are waited for.
	Budget time.Duration
	// Faulty, if not nil, changes a host's instruments: for tests.
	Faulty func(host string, i *Instruments)
}

// Instruments are what a host is fed and observed through.
type Instruments struct {
	Device wire.Device
	LookUp LookUp
}

// A Rig is what a run has made and what it has seen. One goroutine uses it.
type Rig struct {
	Hosts   []*Host
	Journal *journal.Journal // from Begin on

	config  Config
	thread  *netns.Thread
	wire    *wire.Wire
	account *account.Account // nil without Config.Trace
	ctx     context.Context  // done once the run is to end
	cancel  int              // eventfd, readable then
	budget  *budget
	clock   clock
	acted   time.Time            // when the latest action began
	causes  map[int]record.Cause // of packets, by their IDs, that do not show it themselves
	hurried map[int]*reorder     // packets, by their IDs: see End.hurried

	// Trace are the tracepoints that are recorded, and TraceLacks what this
	// kernel has not of them.
	Trace, TraceLacks []string
}

// ErrBudget is why a run ends that has taken longer than its budget.
var ErrBudget = errors.New("the run has taken too long")

// Do makes the hosts and calls tell, on a thread of its own that dies with it.
// It returns tell's Rig when tell has returned or has ended its goroutine.
//
// The error is why the hosts could not be made, and tell was not called then; or
// ErrBudget where the budget was used up and tell did not come to its end, nor
// within grace after it was told to: then tell may still go on, and of the Rig
// only Journal.Snapshot may be used.
func Do(ctx context.Context, c Config, tell func(*Rig)) (*Rig, error) {
	g := &Rig{config: c, causes: map[int]record.Cause{}, hurried: map[int]*reorder{}}
	var err error
	g.cancel, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	var end context.CancelCauseFunc
	g.ctx, end = context.WithCancelCause(ctx)
	defer end(nil)
	g.budget = newBudget(c.Budget, func() { end(ErrBudget) })
	defer g.budget.stop()
	wake := make(chan struct{})
	stop := context.AfterFunc(g.ctx, func() {
		defer close(wake)
		_, _ = unix.Write(g.cancel, []byte{7: 1}) // adds to the counter; can't fail while it is 0
	})
	var made error
	ended := netns.Start(func(t *netns.Thread) {
		g.thread = t
		defer g.close()
		if made = g.make(); made == nil {
			tell(g)
		}
	})
	release := func() {
		<-ended
		if !stop() {
			<-wake // the descriptor must not be closed under it
		}
		unix.Close(g.cancel)
	}
	if !endsByItself(g.ctx, ended) {
		go release()
		return g, context.Cause(g.ctx)
	}
	release()
	return g, made
}

// make makes the hosts and the wire between them. Making a namespace takes the
// kernel a millisecond or two, so each host is made by a thread of its own.
func (g *Rig) make() error {
	for i, h := range g.config.Hosts {
		g.Hosts = append(g.Hosts, &Host{Host: h, rig: g, index: i, ends: map[Pair]*End{}})
	}
	if g.config.Trace {
		var err error
		if g.account, g.Trace, g.TraceLacks, err = account.Open(); err != nil {
			return err
		}
	}
	errs := make([]error, len(g.Hosts))
	var made sync.WaitGroup
	for i, h := range g.Hosts {
		made.Go(func() {
			netns.Do(func(t *netns.Thread) {
				if errs[i] = h.Make(t); errs[i] == nil && g.config.Configure != nil {
					errs[i] = g.config.Configure(h.Host)
				}
			})
		})
	}
	made.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	ports := make([]wire.Port, len(g.Hosts))
	for i, h := range g.Hosts {
		h.instruments = Instruments{h.Device(), h.Host.LookUp}
		if g.config.Faulty != nil {
			g.config.Faulty(h.Name, &h.instruments)
		}
		ports[i] = wire.Port{Device: h.instruments.Device, Addrs: h.Addrs()}
	}
	g.wire = wire.New(g.cancel, ports...)
	g.wire.Recycles = g.config.Live
	if g.Hosts[0].Offload {
		g.wire.Header = tun.HeaderSize
	}
	return nil
}

// close lets go of everything, of all hosts at once: closing a device takes the
// kernel up to a millisecond.
func (g *Rig) close() {
	var closing sync.WaitGroup
	for _, h := range g.Hosts {
		closing.Go(h.Close)
	}
	if g.account != nil {
		closing.Go(g.account.Close)
	}
	closing.Wait()
}

// Begin begins the journal. observe, if not nil, is given each event when it
// happens.
func (g *Rig) Begin(observe func(record.Event) error) error {
	start := time.Now()
	g.clock.start = start
	if g.config.Live {
		g.clock.planned = start.Add(forever)
	}
	g.Journal = journal.New(start, g.ReadAccount, observe)
	return g.account.Begin(start, g.socketName)
}

// ReadAccount takes what the kernel has said since the last time into the
// journal.
func (g *Rig) ReadAccount() error {
	if g.account == nil {
		return nil
	}
	told, err := g.account.Read()
	if err != nil {
		return err
	}
	for _, t := range told {
		if err := g.Journal.AddLate(t.At, t.Event, t.Event.Context != record.InTimer); err != nil {
			return err
		}
	}
	return nil
}

// socketName names a socket of the run by its addresses; host is "" where it is
// nobody's.
func (g *Rig) socketName(local, remote netip.AddrPort, passive bool) (host, socket string) {
	p := Pair{local, remote}
	for _, h := range g.Hosts {
		if h.Has(local.Addr()) {
			if e := h.ends[p]; e != nil {
				return h.Name, e.Name
			}
			return h.Name, p.name(passive)
		}
	}
	return "", p.name(passive)
}

// Environment is what the run's behaviour may depend on, but for its sysctls.
func (g *Rig) Environment() (record.Environment, error) {
	e := record.Environment{
		IPv6: g.Hosts[0].Addr().Is6(), Sysctls: map[string]map[string]string{},
		Start: g.clock.start.UTC().Truncate(time.Microsecond), Trace: g.Trace, TraceLacks: g.TraceLacks,
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return e, os.NewSyscallError("uname", err)
	}
	e.Kernel = unix.ByteSliceToString(u.Release[:])
	for _, h := range g.Hosts {
		e.Hosts = append(e.Hosts, record.Host{Name: h.Name, Addresses: h.Addrs()})
	}
	var err error
	e.Privilege, err = Privilege()
	return e, err
}

// Privilege tells root from the root of a user namespace: in the first one every
// user stands for himself (user_namespaces(7)). It returns "root" or "userns".
func Privilege() (string, error) {
	ids, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return "", err
	}
	if f := strings.Fields(string(ids)); len(f) == 3 && f[2] == "4294967295" {
		return "root", nil
	}
	return "userns", nil
}

// Peer returns the host that has an address.
func (g *Rig) Peer(a netip.Addr) (*Host, error) {
	for _, h := range g.Hosts {
		if h.Has(a) {
			return h, nil
		}
	}
	return nil, fmt.Errorf("no host has the address %v", a)
}

// Deadline is when a wait that begins now has lasted too long.
func (g *Rig) Deadline() time.Time { return time.Now().Add(g.config.Patience) }

// Patience is how long a wait for something that the kernel does at once may be.
func (g *Rig) Patience() time.Duration { return g.config.Patience }

// Ended reports whether the run is to end: it was interrupted, or its budget is
// used up.
func (g *Rig) Ended() bool { return g.ctx.Err() != nil }

// OverBudget reports whether the run is to end because it has taken too long.
func (g *Rig) OverBudget() bool { return errors.Is(context.Cause(g.ctx), ErrBudget) }
