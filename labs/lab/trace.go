package lab

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
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

// A trace is a run's second witness: what the kernel says at its tracepoints
// about the run's own sockets.
//
// The whole machine passes the same tracepoints, other runs with the very same
// addresses too. What is this run's is told with certainty: what the story's
// thread does outside of interrupts is the story's system call or delivery. That
// shows which sockets are the run's. A timer's softirq comes to any processor and
// interrupts any thread, so there only those sockets count, from birth to CLOSE,
// which every socket passes before the kernel gives its memory to another.
type trace struct {
	run     *run
	fs      *tracepoint.FS
	tracer  *tracepoint.Tracer
	began   time.Duration // CLOCK_MONOTONIC, when the story began
	sockets map[uint64]*traced

	host       *Host          // whose call it is, or who is given a segment
	segment    int            // that it is given, or 0
	connecting netip.AddrPort // the address that the kernel has chosen in a connect
}

// traced is a socket of the run.
type traced struct {
	host  *Host
	name  string
	alive bool // until it is in CLOSE
}

// newTrace begins to record what the calling thread does.
func (r *run) newTrace() (t *trace, err error) {
	if r.environment.Privilege != "root" {
		return nil, missingTrace(unix.EPERM)
	}
	if err := firstProcesses(); err != nil {
		return nil, err
	}
	fs, err := tracepoint.Mount()
	if err != nil {
		return nil, missingTrace(err)
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
			r.environment.TraceLacks = append(r.environment.TraceLacks, p.name)
			continue
		}
		if err != nil {
			return nil, missingTrace(err)
		}
		r.environment.Trace = append(r.environment.Trace, p.name)
		if _, ok := f.Fields["reason"]; !ok && (p.name == record.KfreeSkb || p.name == record.SendReset) {
			r.environment.TraceLacks = append(r.environment.TraceLacks, p.name+": reason")
		}
		thread = append(thread, f)
		if p.ofSocket {
			interrupt = append(interrupt, f)
		}
	}
	tracer, err := fs.Open(thread, interrupt)
	if err != nil {
		return nil, missingTrace(err)
	}
	return &trace{run: r, fs: fs, tracer: tracer, sockets: map[uint64]*traced{}}, nil
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
		return &MissingError{"--trace needs the machine's own process ids", "run it outside of containers", errors.New("this is another PID namespace")}
	}
	return nil
}

// begin passes over what was before the story.
func (t *trace) begin() error {
	if t == nil {
		return nil
	}
	// The run has read the same clock as it began, but keeps that to itself. Of
	// several tries to find out when that was, the least disturbed is the best.
	for best, try := time.Duration(math.MaxInt64), 0; try < 10; try++ {
		var now unix.Timespec
		before := time.Since(t.run.start)
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			return os.NewSyscallError("clock_gettime", err)
		}
		if took := time.Since(t.run.start) - before; took < best {
			best, t.began = took, time.Duration(now.Nano())-before-took/2
		}
	}
	_, err := t.tracer.Read()
	return err
}

// calls says whose system calls come next.
func (t *trace) calls(h *Host) {
	if t != nil {
		t.host, t.segment = h, 0
	}
}

// connects says which address the socket has whose connect was the last call: as
// it leaves CLOSE, the kernel may not have chosen a port for it.
func (t *trace) connects(from netip.AddrPort) {
	if t != nil {
		t.connecting = from
	}
}

// receives says who is given which segment next.
func (t *trace) receives(h *Host, id int) {
	if t != nil {
		t.host, t.segment = h, id
	}
}

// read takes what the kernel has said since the last time into the record.
func (t *trace) read() error {
	if t == nil {
		return nil
	}
	samples, err := t.tracer.Read()
	now := t.run.since(time.Now())
	if err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	for _, s := range samples {
		k := t.event(s)
		if k == nil {
			continue
		}
		e := record.Event{At: min((s.Time - t.began).Truncate(time.Microsecond), now), Body: k}
		if err := t.run.insert(e, k.Context == record.InTimer); err != nil {
			return err
		}
	}
	return nil
}

// insert adds an event. What the story's thread has done comes after all that is
// recorded, whatever a microsecond between two clocks' readings says; what an
// interrupt did where its time is, for it may be known a moment late.
func (r *run) insert(e record.Event, interrupt bool) error {
	i := len(r.events)
	for ; i > 0 && r.events[i-1].At > e.At; i-- {
		if !interrupt {
			e.At = r.events[i-1].At
			break
		}
	}
	r.locked(func() { r.events = slices.Insert(r.events, i, e) })
	if r.wait != nil && i < r.wait.events {
		r.wait.events++
	}
	if i >= r.told {
		return r.tellEvents()
	}
	r.told++ // too late for its place
	if r.options.OnEvent != nil {
		return r.options.OnEvent(e)
	}
	return nil
}

// event returns what a sample says, or nil where it is not about this run.
func (t *trace) event(s tracepoint.Sample) *record.Kernel {
	k := &record.Kernel{
		Event: s.Event, From: s.From, To: s.To, State: s.State, Reason: s.Reason,
		Context: record.InCall, ID: t.segment,
	}
	known := t.sockets[s.Socket]
	switch {
	case s.Interrupt && (known == nil || !known.alive):
		return nil
	case s.Interrupt:
		k.Context, k.ID = record.InTimer, 0
	case t.segment != 0:
		k.Context = record.InSegment
	}
	switch s.Event {
	case record.SetState:
		if s.Protocol != unix.IPPROTO_TCP {
			return nil // of MPTCP, which goes through TCP's states itself
		}
		known = t.follow(s, known)
	case record.KfreeSkb:
		if s.Protocol != unix.ETH_P_IP && s.Protocol != unix.ETH_P_IPV6 {
			return nil // a message of netlink
		}
	case record.RetransmitSynack:
		// The socket is the listener; the addresses are of the connection.
		known = t.socketOf(s, true)
	}
	if known == nil && s.Local.IsValid() {
		known = t.socketOf(s, true)
	}
	if known != nil {
		k.Host, k.Socket = known.host.name, known.name
	} else if t.host != nil {
		k.Host = t.host.name
	}
	return k
}

// follow keeps up with which sockets the run has. One is born as it leaves CLOSE,
// or as the copy of a listener (inet_csk_clone_lock).
func (t *trace) follow(s tracepoint.Sample, known *traced) *traced {
	copied := s.From == record.Listen && s.To != record.Close
	if known == nil || s.From == record.Close || copied {
		known = t.socketOf(s, copied)
		t.sockets[s.Socket] = known
	}
	known.alive = s.To != record.Close
	return known
}

// socketOf names a socket by its addresses.
func (t *trace) socketOf(s tracepoint.Sample, passive bool) *traced {
	p := pair{s.Local, s.Remote}
	if p.local.Port() == 0 && t.connecting.IsValid() {
		p.local = t.connecting
	}
	if p.remote.Port() == 0 {
		p.remote = netip.AddrPort{} // as a listener is known
	}
	host := t.host
	for _, h := range t.run.hosts {
		if h.addr == p.local.Addr() {
			host = h
		}
	}
	if e := host.ends[p]; e != nil {
		return &traced{host: host, name: e.name}
	}
	return &traced{host: host, name: p.name(passive)}
}

func (t *trace) close() {
	t.tracer.Close()
	_ = t.fs.Close()
}

// missingTrace says what a run with Trace needs of this machine.
func missingTrace(err error) error {
	const needs = "--trace needs "
	switch text := err.Error(); {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return &MissingError{needs + "root: the kernel lets nobody else trace", "run it as root, outside of containers and of a kernel that is locked down", err}
	case errors.Is(err, unix.ENODEV), errors.Is(err, tracepoint.ErrUnknown):
		return &MissingError{needs + "tracepoints", "a kernel with CONFIG_FTRACE", err}
	case errors.Is(err, unix.ENOSYS) && strings.Contains(text, "fsopen"):
		return &MissingError{needs + "fsopen", "Linux 5.2 or later", err}
	case errors.Is(err, unix.EMFILE):
		return &MissingError{needs + "more descriptors", "ulimit -n 65536", err}
	}
	return err
}
