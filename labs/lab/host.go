package lab

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/counters"
	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
	"github.com/tcplab/tcplab/labs/record"
)

// Client ports are pinned, so that every run has the same: each Connect takes
// the next one.
const (
	firstPort = 40000
	lastPort  = 65535
)

// maxConnections is how many connections one run can have.
const maxConnections = lastPort - firstPort + 1

// A Host is one of the run's network stacks, with a program on it: the story.
type Host struct {
	*program
	as string // the name of the next socket, or ""
}

// A program is what the story holds on one host.
type program struct {
	script   *Script
	run      *run
	rig      *rig.Host
	socks    map[int]*Sock // by the descriptor's number in the story
	lowest   int           // no number below it is free
	limit    int           // on descriptors, or 0: see LimitDescriptors
	nextPort uint16
}

func newHost(s *Script, h *rig.Host) *Host {
	return &Host{program: &program{script: s, run: s.run, rig: h, socks: map[int]*Sock{}, nextPort: firstPort}}
}

// Name returns the host's name: "client".
func (p *program) Name() string { return p.rig.Name }

// Named returns the host with a name for the next socket that it makes. The
// story's controls know sockets by their names. A host's first socket that has
// none is called as the host, and the first that listens "listener".
func (h *Host) Named(name string) *Host { return &Host{h.program, name} }

// ofConnections are the errnos that tell of a connection's end. What the kernel
// does while a story is held up may lead to them, and to no others.
var ofConnections = []unix.Errno{
	unix.ECONNRESET, unix.ECONNREFUSED, unix.ETIMEDOUT, unix.EPIPE, unix.ENOTCONN, unix.EAGAIN, unix.EADDRINUSE, unix.EHOSTUNREACH,
}

// call records a system call and ends the story if it failed with an errno
// that is not among the expected ones. It returns the errno.
func (p *program) call(name string, result int, err error, args []string, expected ...unix.Errno) unix.Errno {
	errno, isErrno := err.(unix.Errno)
	ok := err == nil || slices.ContainsFunc(expected, func(e unix.Errno) bool { return err == e })
	c := &record.Call{Host: p.Name(), Call: name, Args: args, Result: strconv.Itoa(result)}
	if err != nil {
		c.Result = "-1"
		c.Errno = unix.ErrnoName(errno)
	}
	p.run.add(c)
	if !ok || (err != nil && !isErrno) {
		p.run.faulty = !slices.Contains(ofConnections, errno)
		p.run.fail(fmt.Errorf("%s: %s(%s): %w", p.Name(), name, strings.Join(args, ", "), err))
	}
	return errno
}

// before is called before every system call of the story, on a socket of that
// name. It ends the story where the run is to end, and lets a control act.
func (p *program) before(socket, call string) {
	p.run.beforeCall(socket, call)
	p.run.must(p.rig.Act(call))
}

// Addr returns the host's address with a port.
func (p *program) Addr(port int) netip.AddrPort { return p.AddrN(0, port) }

// AddrN returns the host's nth address, from 0, with a port: see Lab.Addresses.
func (p *program) AddrN(n, port int) netip.AddrPort {
	addrs := p.rig.Addrs()
	if n < 0 || n >= len(addrs) {
		p.run.fail(fmt.Errorf("%s: it has the addresses 0 to %d, and none with the number %d", p.Name(), len(addrs)-1, n))
	}
	return netip.AddrPortFrom(addrs[n], p.port(port))
}

// port is the number as a port's.
func (p *program) port(n int) uint16 {
	if n < 0 || n > math.MaxUint16 {
		p.run.fail(fmt.Errorf("%s: %d is no port: they are 0 to %d", p.Name(), n, math.MaxUint16))
	}
	return uint16(n)
}

// Any returns the wildcard address, which stands for all addresses of a host, with a
// port.
func (p *program) Any(port int) netip.AddrPort {
	if p.rig.Addr().Is6() {
		return Any6(int(p.port(port)))
	}
	return Any4(int(p.port(port)))
}

// Any4 returns IPv4's wildcard address, with a port.
func Any4(port int) netip.AddrPort { return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)) }

// Any6 returns IPv6's wildcard address, with a port.
func Any6(port int) netip.AddrPort { return netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)) }

// Loopback returns the host's loopback address with a port.
func (p *program) Loopback(port int) netip.AddrPort {
	return netip.AddrPortFrom(p.rig.Loopback(), p.port(port))
}

// Socket makes a TCP socket: socket(2). It does not block.
//
// Until the story closes it, it has SO_LINGER with a time of 0: whatever ends
// the process, the kernel then resets the connection. An orphan that goes on
// retransmitting would keep the namespace for minutes.
func (h *Host) Socket() *Sock { return h.SocketFor(h.rig.Addr()) }

// SocketFor makes a TCP socket of an address's family: socket(2). See Lab.BothFamilies.
func (h *Host) SocketFor(a netip.Addr) *Sock {
	return h.socket(h.as, a, unix.SOCK_STREAM, "SOCK_STREAM")
}

// UDPSocket makes a UDP socket, for a story about what TCP shares with UDP.
func (h *Host) UDPSocket() *Sock { return h.socket(h.as, h.rig.Addr(), unix.SOCK_DGRAM, "SOCK_DGRAM") }

func (p *program) socket(name string, a netip.Addr, kind int, kindName string) *Sock {
	if name == "" && p.script.socks[p.Name()] == nil {
		name = p.Name()
	}
	p.before(name, "socket")
	p.run.must(p.rig.Enter())
	family, familyName := unix.AF_INET, "AF_INET"
	if a.Is6() {
		family, familyName = unix.AF_INET6, "AF_INET6"
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		p.call("socket", fd, err, []string{familyName, kindName, "0"})
	}
	s := p.hold(fd, name)
	p.call("socket", s.num, nil, []string{familyName, kindName, "0"})
	p.run.must(p.rig.Wrap(resetOnClose(fd, true)))
	return s
}

// Bound makes a TCP socket that is bound to a port of the host's address: socket, bind(2).
func (h *Host) Bound(port int) *Sock {
	s := h.Socket()
	s.Bind(h.Addr(port))
	return s
}

// Listen makes a socket that listens on a port of the host's address: socket,
// bind, listen(2).
func (h *Host) Listen(port, backlog int) *Sock {
	name := h.as
	if name == "" && h.script.socks["listener"] == nil {
		name = "listener"
	}
	s := h.Named(name).Bound(port)
	s.Listen(backlog)
	return s
}

// Connect starts to connect a new socket to a listener: socket, bind to the
// next pinned port, connect(2), which is then in progress.
func (h *Host) Connect(to *Sock) *Sock {
	return h.ConnectTo(to.bound)
}

// ConnectTo is Connect to an address, from the host's first one of the same family.
func (h *Host) ConnectTo(to netip.AddrPort) *Sock {
	own := slices.IndexFunc(h.rig.Addrs(), func(a netip.Addr) bool { return a.Is4() == to.Addr().Is4() })
	if own < 0 {
		h.run.fail(fmt.Errorf("%s: no address of the family of %v: see Lab.BothFamilies", h.Name(), to))
	}
	s := h.SocketFor(to.Addr())
	s.Bind(h.AddrN(own, int(h.takePort())))
	s.Connect(to)
	return s
}

// Establish makes a connection to a listener: Connect, and the handshake. It waits in the
// listener's queue for accept.
func (h *Host) Establish(to *Sock) *Sock {
	s := h.Connect(to)
	h.script.Wire.Handshake(s)
	return s
}

// TryEstablish is Establish, to an address, as far as it goes: see Wire.TryHandshake.
func (h *Host) TryEstablish(to netip.AddrPort) *Sock {
	s := h.ConnectTo(to)
	h.script.Wire.TryHandshake(s)
	return s
}

func (p *program) takePort() uint16 {
	if p.nextPort < firstPort {
		p.run.fail(fmt.Errorf("%s: no pinned port is left after %d", p.Name(), maxConnections))
	}
	port := p.nextPort
	p.nextPort++ // after the last one it is 0
	return port
}

// free is the lowest number from 3 that no descriptor has, as in a process that has
// nothing else open but its standard files.
func (p *program) free() int {
	num := max(p.lowest, 3)
	for p.socks[num] != nil {
		num++
	}
	return num
}

// hold gives a descriptor the lowest free number, and the story's name for it.
func (p *program) hold(fd int, name string) *Sock {
	num := p.free()
	p.lowest = num + 1
	s := &Sock{program: p, fd: fd, num: num, name: name, descriptors: new(int)}
	*s.descriptors = 1
	p.socks[num] = s
	if name != "" {
		if p.script.socks[name] != nil {
			p.run.fail(fmt.Errorf("the story calls two sockets %q", name))
		}
		p.script.socks[name] = s
	}
	return s
}

func (p *program) release(s *Sock) {
	delete(p.socks, s.num)
	p.lowest = min(p.lowest, s.num)
}

// Sysctl reads a sysctl that is one number.
func (p *program) Sysctl(key string) int {
	text := p.SysctlText(key)
	n, err := strconv.Atoi(text)
	if err != nil {
		p.run.fail(fmt.Errorf("%s: %s is %q, and not one number: see SysctlText", p.Name(), key, text))
	}
	return n
}

// SysctlOr is Sysctl where this kernel may not have it: then it is otherwise.
func (p *program) SysctlOr(key string, otherwise int) int {
	if !p.Has(key) {
		return otherwise
	}
	return p.Sysctl(key)
}

// SysctlText reads a sysctl that is a word, or several numbers.
func (p *program) SysctlText(key string) string {
	p.run.must(p.rig.Enter())
	text, err := sysctl.Read(key)
	p.run.must(p.about(key, err))
	return text
}

// about says of an error which sysctl it is about.
func (p *program) about(sysctl string, err error) error {
	if err == nil {
		return nil
	}
	return p.rig.Wrap(fmt.Errorf("%s: %w", sysctl, err))
}

// Has reports whether this kernel has a sysctl.
func (p *program) Has(key string) bool {
	p.run.must(p.rig.Enter())
	_, err := sysctl.Read(key)
	if err != nil && !errors.Is(err, sysctl.ErrUnknown) {
		p.run.fail(p.rig.Wrap(err))
	}
	return err == nil
}

// SetSysctl sets a sysctl in the middle of the story, as sysctl(8) does.
func (p *program) SetSysctl(key, value string) {
	p.run.must(p.rig.Enter())
	p.run.must(p.about(key+"="+value, sysctl.Write(key, value)))
	p.run.add(&record.Call{Host: p.Name(), Call: "sysctl", Args: []string{key + "=" + value}, Result: "0"})
}

// SetDefault sets a sysctl to what suits the lab, as SetSysctl does, unless the
// user has said what it is to be. Where the kernel does not have it, nothing is
// done.
func (p *program) SetDefault(key, value string) {
	if !p.run.given(p.Name(), key) && p.Has(key) {
		p.SetSysctl(key, value)
	}
}

// LimitAnswers makes the time so long in which the host's kernel sends a connection
// no second ACK for segments that are not acceptable, that nothing in a story takes
// longer. It reports false where that time is another, by the user's wish.
func (p *program) LimitAnswers() bool {
	const long = 60_000
	p.SetDefault(InvalidRateLimit, strconv.Itoa(long))
	return p.Sysctl(InvalidRateLimit) >= long
}

// InvalidRateLimit is the sysctl of that time, in milliseconds; 0 is no limit.
const InvalidRateLimit = "net.ipv4.tcp_invalid_ratelimit"

// ListenerAt returns what the host has listening on an address, if anything.
func (p *program) ListenerAt(a netip.AddrPort) *End {
	return p.run.endOf(p.rig.End(rig.Pair{Local: a}, true))
}

// Count looks at every connection of the host and counts those in a state.
func (p *program) Count(state string) int {
	n := 0
	for _, e := range p.rig.Ends() {
		if e.Remote.Port() != 0 && p.run.endOf(e).State() == state {
			n++
		}
	}
	return n
}

// Counter reads by how much a counter of the kernel has risen during the run:
// in a new namespace all of them are 0.
func (p *program) Counter(name string) int {
	now, err := p.rig.ReadCounters()
	p.run.must(err)
	p.rig.ShowsCounters()
	return int(now[name])
}

// HasCounter reports whether the kernel has a counter: where it does not, it lacks what
// would be counted.
func (p *program) HasCounter(name string) bool {
	p.run.must(p.rig.Enter())
	has, err := counters.Has(name)
	p.run.must(p.rig.Wrap(err))
	return has
}

// SendOwnOverWire makes packets to the host's own address leave by its
// interface, so that they wait on the wire as all others do, and lets it
// receive them when they come back. Left alone, Linux hands such packets over
// inside, through the loopback interface.
func (p *program) SendOwnOverWire() {
	p.run.must(p.rig.Enter())
	p.run.must(p.rig.Wrap(p.rig.SendOwnOverWire()))
}

// LoopbackUp brings up the host's loopback interface. What goes over it passes
// the wire by, and is seen by the socket states alone.
func (p *program) LoopbackUp() {
	p.run.must(p.rig.Enter())
	p.run.must(p.rig.Wrap(p.rig.LoopbackUp()))
}
