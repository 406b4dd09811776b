// Package account is a run's second witness: what the kernel says at its
// tracepoints about the run's own sockets.
//
// The whole machine passes the same tracepoints, other runs with the very same
// addresses too. What is this run's is told with certainty: what the story's
// thread does outside of interrupts is the story's system call or delivery. That
// shows which sockets are the run's. A timer's softirq comes to any processor and
// interrupts any thread, so there only those sockets count, from birth to CLOSE,
// which every socket passes before the kernel gives its memory to another.
package account

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/tracepoint"
	"github.com/tcplab/tcplab/labs/record"
)

// tracepoints are where the kernel's own account is taken down. Those that
// concern a socket may be passed in a timer, and are then known by it. A dropped
// packet belongs to nobody, so kfree_skb counts on the story's own thread alone.
var tracepoints = []struct {
	subsystem, name string
	ofSocket        bool
}{
	{"sock", record.SetState, true},
	{"tcp", record.RetransmitSkb, true},
	{"tcp", record.RetransmitSynack, true},
	{"tcp", record.SendReset, true},
	{"tcp", record.ReceiveReset, true},
	{"skb", record.KfreeSkb, false},
}

// An Account takes down what concerns one run. A nil *Account takes down nothing.
type Account struct {
	fs      *tracepoint.FS
	tracer  *tracepoint.Tracer
	start   time.Time
	began   time.Duration // CLOCK_MONOTONIC at start
	name    Namer
	sockets map[uint64]*socket

	host       string         // whose call it is, or who is given a segment
	segment    int            // that it is given, or 0
	connecting netip.AddrPort // the address that the kernel has chosen in a connect
}

// A Namer names a socket by its addresses, as record.State does; host is "" where
// it is nobody's.
type Namer func(local, remote netip.AddrPort, passive bool) (host, socket string)

// A socket is one of the run's.
type socket struct {
	host, name string
	alive      bool // until it is in CLOSE
}

// A Told is what the kernel has said.
type Told struct {
	At    time.Duration // since the start
	Event *record.Kernel
}

// ErrOtherPIDs is returned by Open in another PID namespace than the machine's
// own: a thread's id there is not the one that the kernel's account has.
var ErrOtherPIDs = errors.New("this is another PID namespace")

// Open begins to take down what the calling thread does. It returns the names of
// the tracepoints that there are, and of what this kernel lacks of them. The error
// is ErrOtherPIDs, tracepoint.ErrUnknown, or wraps an errno.
func Open() (a *Account, points, lacks []string, err error) {
	if err := firstProcesses(); err != nil {
		return nil, nil, nil, err
	}
	fs, err := tracepoint.Mount()
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil {
			_ = fs.Close()
		}
	}()
	var thread, interrupt []*tracepoint.Format
	for _, p := range tracepoints {
		f, err := fs.Format(p.subsystem + ":" + p.name)
		if errors.Is(err, tracepoint.ErrUnknown) && p.name != record.SetState {
			lacks = append(lacks, p.name)
			continue
		}
		if err != nil {
			return nil, nil, nil, err
		}
		points = append(points, p.name)
		if _, ok := f.Fields["reason"]; !ok && (p.name == record.KfreeSkb || p.name == record.SendReset) {
			lacks = append(lacks, p.name+": reason")
		}
		thread = append(thread, f)
		if p.ofSocket {
			interrupt = append(interrupt, f)
		}
	}
	tracer, err := fs.Open(thread, interrupt)
	if err != nil {
		return nil, nil, nil, err
	}
	return &Account{fs: fs, tracer: tracer, sockets: map[uint64]*socket{}}, points, lacks, nil
}

// firstProcesses checks that a thread's id here is the one that the kernel's
// account has: that of the first PID namespace (include/linux/proc_ns.h:
// PROC_PID_INIT_INO).
func firstProcesses() error {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return err
	}
	if ns != "pid:[4026531836]" {
		return ErrOtherPIDs
	}
	return nil
}

// Begin passes over what was before start, when the story begins.
func (a *Account) Begin(start time.Time, name Namer) error {
	if a == nil {
		return nil
	}
	a.start, a.name = start, name
	// The run has read the same clock as it began, but keeps that to itself. Of
	// several tries to find out when that was, the least disturbed is the best.
	for best, try := time.Duration(math.MaxInt64), 0; try < 10; try++ {
		var now unix.Timespec
		before := time.Since(start)
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			return os.NewSyscallError("clock_gettime", err)
		}
		if took := time.Since(start) - before; took < best {
			best, a.began = took, time.Duration(now.Nano())-before-took/2
		}
	}
	_, err := a.tracer.Read()
	return err
}

// Calls says whose system calls come next.
func (a *Account) Calls(host string) {
	if a != nil {
		a.host, a.segment, a.connecting = host, 0, netip.AddrPort{}
	}
}

// Connects says which address the socket has whose connect was the last call: as
// it leaves CLOSE, the kernel may not have chosen a port for it. Without it there is
// none: connect has failed.
func (a *Account) Connects(from netip.AddrPort) {
	if a != nil {
		a.connecting = from
	}
}

// Receives says who is given which segment next.
func (a *Account) Receives(host string, id int) {
	if a != nil {
		a.host, a.segment = host, id
	}
}

// Read returns what the kernel has said of the run since the last time.
func (a *Account) Read() ([]Told, error) {
	samples, err := a.tracer.Read()
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	var told []Told
	for _, s := range samples {
		if k := a.event(s); k != nil {
			told = append(told, Told{s.Time - a.began, k})
		}
	}
	return told, nil
}

// event returns what a sample says, or nil where it is not about this run.
func (a *Account) event(s tracepoint.Sample) *record.Kernel {
	k := &record.Kernel{
		Event: s.Event, From: s.From, To: s.To, State: s.State, Reason: s.Reason,
		Context: record.InCall, ID: a.segment,
	}
	known := a.sockets[s.Socket]
	switch {
	case s.Interrupt && (known == nil || !known.alive):
		return nil
	case s.Interrupt:
		k.Context, k.ID = record.InTimer, 0
	case a.segment != 0:
		k.Context = record.InSegment
	}
	switch s.Event {
	case record.SetState:
		if s.Protocol != unix.IPPROTO_TCP {
			return nil // of MPTCP, which goes through TCP's states itself
		}
		known = a.follow(s, known)
	case record.KfreeSkb:
		if s.Protocol != unix.ETH_P_IP && s.Protocol != unix.ETH_P_IPV6 {
			return nil // a message of netlink
		}
	case record.RetransmitSynack:
		// The socket is the listener; the addresses are of the connection.
		known = a.socketOf(s, true)
	}
	if known == nil && s.Local.IsValid() {
		known = a.socketOf(s, true)
	}
	if known != nil {
		k.Host, k.Socket = known.host, known.name
	} else {
		k.Host = a.host
	}
	return k
}

// follow keeps up with which sockets the run has. One is born as it leaves CLOSE,
// or as the copy of a listener (inet_csk_clone_lock). On loopback the copy is made in
// a softirq, and not known until the story's next call.
func (a *Account) follow(s tracepoint.Sample, known *socket) *socket {
	copied := s.From == record.Listen && s.To != record.Close
	if known == nil || !known.alive || s.From == record.Close || copied {
		known = a.socketOf(s, s.From != record.Close)
		a.sockets[s.Socket] = known
	}
	known.alive = s.To != record.Close
	return known
}

// socketOf names a socket by its addresses.
func (a *Account) socketOf(s tracepoint.Sample, passive bool) *socket {
	local, remote := s.Local, s.Remote
	if local.Port() == 0 && a.connecting.IsValid() {
		local = a.connecting
	}
	if remote.Port() == 0 {
		remote = netip.AddrPort{} // as a listener is known
	}
	host, name := a.name(local, remote, passive)
	if host == "" {
		host = a.host
	}
	return &socket{host: host, name: name}
}

// Close ends the account.
func (a *Account) Close() {
	a.tracer.Close()
	_ = a.fs.Close()
}
