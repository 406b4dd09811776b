package lab

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/rig"
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
}

// Named returns the listener with a name for the next connection that it
// accepts: see Host.Named.
func (s *Sock) Named(name string) *Sock {
	s.as = name
	return s
}

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

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
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
		s.fail("bind", outcome)
	}
}

// TryBind is Bind where it may be refused. The outcome is OK or the name of an
// errno.
func (s *Sock) TryBind(a netip.AddrPort) (outcome string) {
	s.before(s.name, "bind")
	err := unix.Bind(s.fd, sockaddr(a))
	errno := s.call("bind", 0, err, []string{s.arg(), a.String()},
		unix.EADDRINUSE, unix.EADDRNOTAVAIL, unix.EACCES, unix.EINVAL)
	if errno != 0 {
		return unix.ErrnoName(errno)
	}
	s.bound = a
	return OK
}

// Listen makes the bound socket listen: listen(2).
func (s *Sock) Listen(backlog int) {
	s.before(s.name, "listen")
	s.call("listen", 0, unix.Listen(s.fd, backlog), []string{s.arg(), strconv.Itoa(backlog)})
	s.met(rig.Pair{Local: s.bound}, true)
	s.look()
}

// Connect starts to connect the socket: connect(2), which is then in progress,
// its SYN on the wire. The kernel gives a socket that is not bound a source
// address and port.
func (s *Sock) Connect(to netip.AddrPort) {
	s.before(s.name, "connect")
	err := unix.Connect(s.fd, sockaddr(to))
	from := s.bound
	if !from.IsValid() {
		name, err := unix.Getsockname(s.fd)
		s.must(os.NewSyscallError("getsockname", err))
		from = addrPort(name)
	}
	s.program.rig.Connecting(from)
	s.call("connect", 0, err, []string{s.arg(), to.String()}, unix.EINPROGRESS)
	s.met(rig.Pair{Local: from, Remote: to}, false)
	s.acted()
}

// LocalAddr asks the kernel for the socket's own address: getsockname(2).
func (s *Sock) LocalAddr() string { return s.ask("getsockname", unix.Getsockname) }

// RemoteAddr asks the kernel for the address that the socket is connected to:
// getpeername(2).
func (s *Sock) RemoteAddr() string { return s.ask("getpeername", unix.Getpeername) }

func (s *Sock) ask(name string, call func(int) (unix.Sockaddr, error)) string {
	a, err := call(s.fd)
	answer := addrPort(a).String()
	s.call(name, 0, err, []string{s.arg(), "[" + answer + "]"})
	return answer
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

func (s *Sock) info() sockopt.TCPInfo {
	info, err := sockopt.Get(s.fd, sockopt.Info)
	s.must(err)
	return info
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
	outcome := s.connected(s.program.run.rig.Deadline())
	if outcome == unix.ErrnoName(unix.EINPROGRESS) {
		s.fail("connect", "it does not complete")
	}
	return outcome
}

func (s *Sock) connected(until time.Time) string {
	if !s.ready(unix.POLLOUT, until) {
		return unix.ErrnoName(unix.EINPROGRESS)
	}
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

// Accept takes the next connection from the listener's queue: accept(2).
func (s *Sock) Accept() *Sock {
	s.ready(unix.POLLIN, s.program.run.rig.Deadline())
	conn, outcome := s.TryAccept()
	if outcome != OK {
		s.fail("accept", outcome)
	}
	return conn
}

// TryAccept is Accept without waiting. The outcome is OK or the name of an errno.
func (s *Sock) TryAccept() (conn *Sock, outcome string) {
	s.before(s.name, "accept")
	fd, from, err := unix.Accept4(s.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		errno := s.call("accept", fd, err, []string{s.arg()}, unix.EAGAIN, unix.EINVAL)
		s.acted()
		return nil, unix.ErrnoName(errno)
	}
	name := s.as
	s.as = ""
	if host := s.program.Name(); name == "" && s.script.socks[host] == nil {
		name = host
	}
	conn = s.hold(fd, name)
	s.call("accept", conn.num, nil, []string{s.arg()})
	conn.bound = s.bound
	conn.met(rig.Pair{Local: s.bound, Remote: addrPort(from)}, true)
	s.acted()
	conn.look()
	return conn, OK
}

// Write writes data, all of which the kernel must take: write(2).
func (s *Sock) Write(data string) {
	if outcome := s.TryWrite(data); outcome != OK {
		s.fail("write", outcome)
	}
}

// TryWrite is Write where it may be refused. The outcome is OK or the name of
// an errno.
func (s *Sock) TryWrite(data string) (outcome string) {
	n, outcome := s.WriteSome(data)
	if outcome == OK && n != len(data) {
		s.fail("write", fmt.Sprintf("the kernel took %d of %d bytes", n, len(data)))
	}
	return outcome
}

// WriteSome is TryWrite where the kernel may take a part of the data: it took n
// bytes.
func (s *Sock) WriteSome(data string) (n int, outcome string) {
	s.before(s.name, "write")
	n, err := unix.Write(s.fd, []byte(data))
	errno := s.call("write", n, err, []string{s.arg(), quote(data), strconv.Itoa(len(data))},
		unix.EAGAIN, unix.EPIPE, unix.ECONNRESET, unix.ENOTCONN, unix.ETIMEDOUT)
	s.acted()
	if errno != 0 {
		return 0, unix.ErrnoName(errno)
	}
	return n, OK
}

// Send writes data and carries it to the other side, with the acknowledgement
// that comes back: it waits for that where the other side's kernel puts it off.
func (s *Sock) Send(data string) {
	s.Write(data)
	wire := s.script.Wire.Of(s)
	for wire.unacknowledged(s.End) {
		wire.Next(s.program.Name() + ":data").Deliver()
		if !wire.has(s.program.Name() + ":data") {
			wire.Next(s.Peer().rig.Host.Name + ":ACK").Deliver()
		}
	}
}

// Read waits for something to read and reads it: read(2). It returns "" at the
// end of the stream.
func (s *Sock) Read() string {
	s.ready(unix.POLLIN, s.program.run.rig.Deadline())
	data, outcome := s.TryRead()
	if outcome != OK {
		s.fail("read", outcome)
	}
	return data
}

// TryRead is Read without waiting. The outcome is OK or the name of an errno.
func (s *Sock) TryRead() (data, outcome string) { return s.TryReadSome(4096) }

// TryReadSome is TryRead of at most n bytes.
func (s *Sock) TryReadSome(n int) (data, outcome string) {
	s.before(s.name, "read")
	buf := make([]byte, n)
	got, err := unix.Read(s.fd, buf)
	data = string(buf[:max(got, 0)])
	args := []string{s.arg(), quote(data), strconv.Itoa(n)}
	outcome = OK
	if errno := s.call("read", got, err, args, unix.EAGAIN, unix.ECONNRESET, unix.ENOTCONN, unix.ETIMEDOUT, unix.EPIPE); errno != 0 {
		outcome = unix.ErrnoName(errno)
	}
	s.acted()
	return data, outcome
}

// Drain reads until there is nothing more to read, and returns all of it.
func (s *Sock) Drain() string {
	var all strings.Builder
	for s.Received() > 0 {
		data, _ := s.TryRead()
		all.WriteString(data)
	}
	return all.String()
}

// Shutdown ends the sending direction: shutdown(2) with SHUT_WR.
func (s *Sock) Shutdown() {
	s.before(s.name, "shutdown")
	s.call("shutdown", 0, unix.Shutdown(s.fd, unix.SHUT_WR), []string{s.arg(), "SHUT_WR"})
	s.acted()
}

// Close closes the descriptor: close(2), with SO_LINGER off as it is by
// default, unless the story has set it.
func (s *Sock) Close() {
	s.before(s.name, "close")
	if !s.linger && s.fd != closed {
		s.must(resetOnClose(s.fd, false))
	}
	s.release(s)
	err := unix.Close(s.fd)
	s.fd = closed
	s.call("close", 0, err, []string{s.arg()})
	s.acted()
}

// Set sets a socket option: setsockopt(2).
func Set[T any](s *Sock, option sockopt.Option[T], v T) {
	s.before(s.name, "setsockopt")
	s.must(sockopt.Set(s.fd, option, v))
	s.linger = s.linger || option.Name == sockopt.Linger.Name
	s.call("setsockopt", 0, nil, []string{s.arg(), option.Level.String(), option.Name, fmt.Sprintf("[%v]", v)})
	s.acted()
}

// Get reads a socket option: getsockopt(2).
func Get[T any](s *Sock, option sockopt.Option[T]) T {
	s.before(s.name, "getsockopt")
	v, err := sockopt.Get(s.fd, option)
	s.must(err)
	s.call("getsockopt", 0, nil, []string{s.arg(), option.Name, fmt.Sprintf("[%v]", v)})
	return v
}
