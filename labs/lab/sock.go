package lab

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// OK is the outcome of a call that succeeded; another outcome is the name of
// its errno.
const OK = "ok"

// closed stands for a descriptor that is closed: its number may be another run's
// by now.
const closed = -1

// A Sock is a descriptor that the story holds, and the End behind it.
type Sock struct {
	*program
	*End  // nil until the socket has both addresses, or listens
	fd    int
	num   int            // the descriptor's number in the story
	name  string         // by which controls know it, or ""
	as    string         // of the next connection that it accepts, or ""
	bound netip.AddrPort // by bind, or zero
	// linger is set once the story has decided about SO_LINGER itself.
	linger bool
	cwnd   uint32 // at the last look: see Cwnd
	// descriptors counts those of the same socket that are open: see Dup.
	descriptors *int
}

// Named returns the listener with a name for the next connection that it
// accepts: see Host.Named.
func (s *Sock) Named(name string) *Sock {
	s.as = name
	return s
}

// Host returns the host that the socket is on.
func (s *Sock) Host() *Host { return &Host{program: s.program} }

func (s *Sock) arg() string { return strconv.Itoa(s.num) }

// quote quotes data for the record as strace does, of much only the beginning: so
// much that a call fits beside the wire.
func quote(data string) string {
	const most = 12
	if len(data) > most {
		return strconv.Quote(data[:most]) + "..."
	}
	return strconv.Quote(data)
}

// resetOnClose sets whether closing the descriptor resets the connection.
func resetOnClose(fd int, on bool) error {
	return sockopt.Set(fd, sockopt.Linger, sockopt.LingerValue{On: on})
}

func addrPort(a unix.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// unmapped is the address as IPv4 has it, where a socket of IPv6 has it as its own.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// end is what the rig knows of the socket, or nil.
func (s *Sock) end() *rig.End {
	if s.End == nil {
		return nil
	}
	return s.End.rig
}

// fail ends the story over an outcome that it has no use for.
func (s *Sock) fail(call, why string) {
	s.program.run.fail(fmt.Errorf("%s: %s(%s): %s", s.program.Name(), call, s.arg(), why))
}

// refused ends the story over an errno, by its name, that it has no use for. See
// ofConnections.
func (s *Sock) refused(call, errno string) {
	s.program.run.faulty = !slices.ContainsFunc(ofConnections, func(e unix.Errno) bool { return unix.ErrnoName(e) == errno })
	if errno == unix.ErrnoName(unix.EAGAIN) { // what it would wait for may be on its way
		errno += "; on the wire: " + s.program.run.onTheWire()
	}
	s.fail(call, errno)
}

// must ends the story if err is not nil.
func (s *Sock) must(err error) { s.program.run.must(s.program.rig.Wrap(err)) }

// acted takes in what a call has made the host send, and looks at the socket.
func (s *Sock) acted() { s.program.run.must(s.program.rig.Acted(s.end())) }

// met takes over the addresses of the socket.
func (s *Sock) met(p rig.Pair, passive bool) {
	s.End = s.program.run.endOf(s.program.rig.End(p, passive))
}

// Bind binds the socket to an address of its host: bind(2).
func (s *Sock) Bind(a netip.AddrPort) {
	if outcome := s.TryBind(a); outcome != OK {
		s.refused("bind", outcome)
	}
}

// TryBind is Bind where it may be refused. The outcome is OK or the name of an
// errno.
func (s *Sock) TryBind(a netip.AddrPort) (outcome string) {
	s.before(s.name, "bind")
	err := unix.Bind(s.fd, stack.Sockaddr(a))
	errno := s.call("bind", 0, err, []string{s.arg(), a.String()},
		unix.EADDRINUSE, unix.EADDRNOTAVAIL, unix.EACCES, unix.EINVAL)
	if errno != 0 {
		return unix.ErrnoName(errno)
	}
	s.bound = a
	if a.Port() == 0 {
		s.bound = s.own()
	}
	return OK
}

// own is the address that the kernel has given to the socket. Nothing is recorded.
func (s *Sock) own() netip.AddrPort {
	name, err := unix.Getsockname(s.fd)
	s.must(os.NewSyscallError("getsockname", err))
	return addrPort(name)
}

// Listen makes the bound socket listen: listen(2).
func (s *Sock) Listen(backlog int) {
	if outcome := s.TryListen(backlog); outcome != OK {
		s.refused("listen", outcome)
	}
}

// TryListen is Listen where it may be refused. The outcome is OK or the name of an
// errno.
func (s *Sock) TryListen(backlog int) (outcome string) {
	s.before(s.name, "listen")
	err := unix.Listen(s.fd, backlog)
	errno := s.call("listen", 0, err, []string{s.arg(), strconv.Itoa(backlog)}, unix.EADDRINUSE, unix.EINVAL)
	if errno != 0 {
		return unix.ErrnoName(errno)
	}
	first := s.End == nil
	s.met(rig.Pair{Local: s.bound}, true)
	if first && s.End.rig.Seen.State == record.Listen {
		s.End.rig.Share()
	}
	s.look()
	return OK
}

// LocalAddr asks the kernel for the socket's own address: getsockname(2).
func (s *Sock) LocalAddr() string {
	addr, _ := s.ask("getsockname", unix.Getsockname)
	return addr
}

// RemoteAddr asks the kernel for the address that the socket is connected to:
// getpeername(2).
func (s *Sock) RemoteAddr() string {
	addr, outcome := s.TryRemoteAddr()
	if outcome != OK {
		s.refused("getpeername", outcome)
	}
	return addr
}

// TryRemoteAddr is RemoteAddr where the socket may not be connected. The outcome is OK
// or the name of an errno.
func (s *Sock) TryRemoteAddr() (addr, outcome string) {
	return s.ask("getpeername", unix.Getpeername, unix.ENOTCONN)
}

func (s *Sock) ask(name string, call func(int) (unix.Sockaddr, error), expected ...unix.Errno) (addr, outcome string) {
	s.before(s.name, name)
	a, err := call(s.fd)
	args := []string{s.arg()}
	if err == nil {
		addr = addrPort(a).String()
		args = append(args, "["+addr+"]")
	}
	if errno := s.call(name, 0, err, args, expected...); errno != 0 {
		return "", unix.ErrnoName(errno)
	}
	return addr, OK
}

// State looks at the socket, as End.State does. A socket that has no address yet
// has nothing that inet_diag shows: TCP_INFO has its state.
func (s *Sock) State() string {
	if s.End != nil {
		return s.End.State()
	}
	return s.info().State.String()
}

// RTO is the socket's retransmission timeout, as the kernel has it in TCP_INFO.
// Like State it only looks: it is no call of the story's.
func (s *Sock) RTO() time.Duration { return time.Duration(s.info().RTO) * time.Microsecond }

// Info is what the kernel says of the connection in TCP_INFO. Like State it only
// looks.
func (s *Sock) Info() sockopt.TCPInfo {
	info := s.info()
	if s.End != nil {
		s.End.rig.ShowsInfo()
	}
	return info
}

func (s *Sock) info() sockopt.TCPInfo {
	info, err := sockopt.Get(s.fd, sockopt.Info)
	s.must(err)
	return info
}

// SendBuffer is the present size of the socket's send buffer, SO_SNDBUF. Like State
// it only looks.
func (s *Sock) SendBuffer() int {
	size, err := sockopt.Get(s.fd, sockopt.SndBuf)
	s.must(err)
	return size
}

// ready waits until the socket is ready, and reports whether it became so.
func (s *Sock) ready(events int16, until time.Time) bool {
	if s.fd == closed {
		return true // for EBADF; poll would pass it by and wait
	}
	ready, err := s.program.run.rig.Ready(s.fd, events, until)
	s.must(err)
	return ready
}

// Connected asks, without waiting, whether connect has completed, as a program
// does: the socket is writable then, and SO_ERROR holds the outcome. It
// returns OK, the name of an errno, or EINPROGRESS.
func (s *Sock) Connected() string { return s.connected(time.Now()) }

// Outcome waits for connect to complete and returns OK or the name of an errno.
func (s *Sock) Outcome() string {
	inVain := s.program.run.rig.Expect("connect")
	outcome := s.connected(s.program.run.rig.Deadline())
	if outcome == unix.ErrnoName(unix.EINPROGRESS) {
		inVain()
		s.fail("connect", "it does not complete; on the wire: "+s.program.run.onTheWire())
	}
	return outcome
}

func (s *Sock) connected(until time.Time) string {
	if !s.ready(unix.POLLOUT, until) {
		return unix.ErrnoName(unix.EINPROGRESS)
	}
	s.before(s.name, "getsockopt")
	errno, err := sockopt.Get(s.fd, sockopt.Error)
	s.must(err)
	outcome, shown := OK, "0"
	if errno != 0 {
		outcome = unix.ErrnoName(errno)
		shown = outcome
	}
	s.call("getsockopt", 0, nil, []string{s.arg(), "SOL_SOCKET", "SO_ERROR", "[" + shown + "]"})
	s.acted()
	return outcome
}
