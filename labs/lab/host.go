package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/counters"
	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
	"github.com/tcplab/tcplab/labs/internal/tun"
	"github.com/tcplab/tcplab/labs/internal/wire"
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

// A Host is a network stack of its own, with a program on it: the story.
type Host struct {
	run    *run
	index  int
	name   string
	prefix netip.Prefix
	addr   netip.Addr // of prefix
	ns     *netns.Namespace
	tun    *tun.Device
	diag   *sockdiag.Conn
	instruments

	ends     map[pair]*End
	order    []*End        // as they were met
	socks    map[int]*Sock // by the descriptor's number in the story
	lowest   int           // no number below it is free
	nextPort uint16
}

// instruments are what a host is fed and observed through: its tun and diag,
// unless a test puts faulty ones in their stead.
type instruments struct {
	device wire.Device
	lookUp func(local, remote netip.AddrPort) (s sockdiag.Socket, found bool, err error)
}

// enter puts the story's thread into the host's namespace. Sockets, sysctls and
// counters are those of the thread that asks for them; descriptors that are
// open work from everywhere.
func (h *Host) enter() error { return h.wrap(h.run.thread.Enter(h.ns)) }

func (h *Host) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", h.name, err)
}

func (h *Host) close() {
	for _, s := range h.socks {
		_ = unix.Close(s.fd) // ends the connection by a reset: see Socket
	}
	if h.diag != nil {
		_ = h.diag.Close()
	}
	if h.tun != nil {
		_ = h.tun.Close()
	}
	if h.ns != nil {
		_ = h.ns.Close()
	}
}

// call records a system call and ends the story if it failed with an errno
// that is not among the expected ones. It returns the errno.
func (h *Host) call(name string, result int, err error, args []string, expected ...unix.Errno) unix.Errno {
	errno, isErrno := err.(unix.Errno)
	ok := err == nil
	for _, e := range expected {
		ok = ok || err == e
	}
	c := &record.Call{Host: h.name, Call: name, Args: args, Result: strconv.Itoa(result)}
	if err != nil {
		c.Result = "-1"
		c.Errno = unix.ErrnoName(errno)
	}
	h.run.add(c)
	if !ok || (err != nil && !isErrno) {
		h.run.fail(fmt.Errorf("%s: %s(%s): %w", h.name, name, join(args), err))
	}
	return errno
}

// before is called before every system call of the story. It ends the story
// where the run is interrupted, and lets a control do its mischief.
func (h *Host) before(call string) {
	if h.run.ctx.Err() != nil {
		h.run.fail(wire.ErrCanceled)
	}
	h.run.trace.calls(h)
	h.run.beforeCall(h.name, call)
	h.run.acted = time.Now()
}

// Addr returns the host's address with a port.
func (h *Host) Addr(port int) netip.AddrPort { return netip.AddrPortFrom(h.addr, uint16(port)) }

// Socket makes a TCP socket: socket(2). It does not block.
//
// Until the story closes it, it has SO_LINGER with a time of 0: whatever ends
// the process, the kernel then resets the connection. An orphan that goes on
// retransmitting would keep the namespace for minutes.
func (h *Host) Socket() *Sock {
	h.before("socket")
	h.run.must(h.enter())
	family, name := unix.AF_INET, "AF_INET"
	if h.addr.Is6() {
		family, name = unix.AF_INET6, "AF_INET6"
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		h.call("socket", fd, err, []string{name, "SOCK_STREAM", "0"})
	}
	s := h.hold(fd)
	h.call("socket", s.num, nil, []string{name, "SOCK_STREAM", "0"})
	h.run.must(h.wrap(resetOnClose(fd, true)))
	return s
}

// Listen makes a socket that listens on a port of the host's address: socket,
// bind, listen(2).
func (h *Host) Listen(port, backlog int) *Sock {
	s := h.Socket()
	s.Bind(h.Addr(port))
	s.Listen(backlog)
	return s
}

// Connect starts to connect a new socket to a listener: socket, bind to the
// next pinned port, connect(2), which is then in progress.
func (h *Host) Connect(to *Sock) *Sock {
	s := h.Socket()
	s.Bind(h.Addr(int(h.takePort())))
	s.Connect(to.local)
	return s
}

func (h *Host) takePort() uint16 {
	if h.nextPort < firstPort {
		h.run.fail(fmt.Errorf("%s: no pinned port is left after %d", h.name, maxConnections))
	}
	p := h.nextPort
	h.nextPort++ // after the last one it is 0
	return p
}

// hold gives a descriptor the lowest free number from 3, as in a process that
// has nothing else open but its standard files.
func (h *Host) hold(fd int) *Sock {
	num := max(h.lowest, 3)
	for h.socks[num] != nil {
		num++
	}
	h.lowest = num + 1
	s := &Sock{host: h, fd: fd, num: num}
	h.socks[num] = s
	return s
}

func (h *Host) release(s *Sock) {
	delete(h.socks, s.num)
	h.lowest = min(h.lowest, s.num)
}

// Sock returns the socket with a descriptor's number.
func (h *Host) Sock(num int) *Sock {
	s := h.socks[num]
	if s == nil {
		h.run.fail(fmt.Errorf("%s: no descriptor %d", h.name, num))
	}
	return s
}

// Sysctl reads a sysctl that is one number.
func (h *Host) Sysctl(key string) int {
	h.run.must(h.enter())
	text, err := sysctl.Read(key)
	h.run.must(h.wrap(err))
	n, err := strconv.Atoi(text)
	h.run.must(h.wrap(err))
	return n
}

// Has tells whether this kernel has a sysctl.
func (h *Host) Has(key string) bool {
	h.run.must(h.enter())
	_, err := sysctl.Read(key)
	if err != nil && !errors.Is(err, sysctl.ErrUnknown) {
		h.run.fail(h.wrap(err))
	}
	return err == nil
}

// SetSysctl sets a sysctl in the middle of the story, as sysctl(8) does.
func (h *Host) SetSysctl(key, value string) {
	h.run.must(h.enter())
	h.run.must(h.wrap(sysctl.Write(key, value)))
	h.run.add(&record.Call{Host: h.name, Call: "sysctl", Args: []string{key + "=" + value}, Result: "0"})
}

// ListenerAt returns what the host has listening on an address, if anything.
func (h *Host) ListenerAt(a netip.AddrPort) *End { return h.end(pair{local: a}, true) }

// Count looks at every connection of the host and counts those in a state.
func (h *Host) Count(state string) int {
	n := 0
	for _, e := range h.order {
		if e.remote.Port() != 0 && e.State() == state {
			n++
		}
	}
	return n
}

// Counter reads by how much a counter of the kernel has risen during the run:
// in a new namespace all of them are 0.
func (h *Host) Counter(name string) int {
	now, err := h.readCounters()
	h.run.must(h.wrap(err))
	return int(now[name])
}

func (h *Host) readCounters() (map[string]int64, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	return counters.Read()
}
