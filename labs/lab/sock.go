package lab

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/wire"
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
	*End  // nil until the socket has both addresses, or listens
	host  *Host
	fd    int
	num   int            // the descriptor's number in the story
	bound netip.AddrPort // by bind, or zero
	// linger is set once the story has decided about SO_LINGER itself.
	linger bool
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

func join(args []string) string { return strings.Join(args, ", ") }

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

// Bind binds the socket to an address of its host: bind(2).
func (s *Sock) Bind(a netip.AddrPort) {
	s.host.before("bind")
	s.host.call("bind", 0, unix.Bind(s.fd, sockaddr(a)), []string{s.arg(), a.String()})
	s.bound = a
}

// TryBind is Bind where it may be refused. The outcome is OK or EADDRINUSE.
func (s *Sock) TryBind(a netip.AddrPort) (outcome string) {
	s.host.before("bind")
	errno := s.host.call("bind", 0, unix.Bind(s.fd, sockaddr(a)), []string{s.arg(), a.String()}, unix.EADDRINUSE)
	if errno != 0 {
		return unix.ErrnoName(errno)
	}
	s.bound = a
	return OK
}

// Listen makes the bound socket listen: listen(2).
func (s *Sock) Listen(backlog int) {
	s.host.before("listen")
	s.host.call("listen", 0, unix.Listen(s.fd, backlog), []string{s.arg(), strconv.Itoa(backlog)})
	s.End = s.host.end(pair{local: s.bound}, true)
	s.look()
}

// Connect starts to connect the socket: connect(2), which is then in progress,
// its SYN on the wire. The kernel gives a socket that is not bound a source
// address and port.
func (s *Sock) Connect(to netip.AddrPort) {
	s.host.before("connect")
	err := unix.Connect(s.fd, sockaddr(to))
	from := s.bound
	if !from.IsValid() {
		name, err := unix.Getsockname(s.fd)
		s.host.run.must(s.host.wrap(os.NewSyscallError("getsockname", err)))
		from = addrPort(name)
	}
	s.host.run.trace.connects(from)
	s.host.call("connect", 0, err, []string{s.arg(), to.String()}, unix.EINPROGRESS)
	s.End = s.host.end(pair{from, to}, false)
	s.after()
}

// LocalAddr asks the kernel for the socket's own address: getsockname(2).
func (s *Sock) LocalAddr() string { return s.ask("getsockname", unix.Getsockname) }

// RemoteAddr asks the kernel for the address that the socket is connected to:
// getpeername(2).
func (s *Sock) RemoteAddr() string { return s.ask("getpeername", unix.Getpeername) }

func (s *Sock) ask(name string, call func(int) (unix.Sockaddr, error)) string {
	a, err := call(s.fd)
	answer := addrPort(a).String()
	s.host.call(name, 0, err, []string{s.arg(), "[" + answer + "]"})
	return answer
}

// after takes in what a call has made the host send, and looks at the socket.
func (s *Sock) after() {
	s.host.run.must(s.host.wrap(s.host.run.wire.Drain(s.host.index)))
	if s.End != nil {
		s.look()
	}
}

// State looks at the socket, as End.State does. A socket that has no address yet
// has nothing that inet_diag shows: TCP_INFO has its state.
func (s *Sock) State() string {
	if s.End != nil {
		return s.End.State()
	}
	info, err := sockopt.Get(s.fd, sockopt.Info)
	s.host.run.must(s.host.wrap(err))
	return info.State.String()
}

// ready waits until the socket is ready, and tells whether it became so.
func (s *Sock) ready(events int16, until time.Time) bool {
	if s.fd == closed {
		return true // for EBADF; poll would pass it by and wait
	}
	fds := []unix.PollFd{{Fd: int32(s.fd), Events: events}, {Fd: int32(s.host.run.cancel), Events: unix.POLLIN}}
	err := wire.Poll(fds, until)
	if err == nil && fds[1].Revents != 0 {
		err = wire.ErrCanceled
	}
	s.host.run.must(s.host.wrap(err))
	return fds[0].Revents != 0
}

// Connected asks, without waiting, whether connect has completed, as a program
// does: the socket is writable then, and SO_ERROR holds the outcome. It
// returns OK, the name of an errno, or EINPROGRESS.
func (s *Sock) Connected() string { return s.connected(time.Now()) }

// Outcome waits for connect to complete and returns OK or the name of an errno.
func (s *Sock) Outcome() string {
	outcome := s.connected(s.host.run.deadline())
	if outcome == unix.ErrnoName(unix.EINPROGRESS) {
		s.host.run.fail(fmt.Errorf("%s: connect(%s) does not complete", s.host.name, s.arg()))
	}
	return outcome
}

func (s *Sock) connected(until time.Time) string {
	if !s.ready(unix.POLLOUT, until) {
		return unix.ErrnoName(unix.EINPROGRESS)
	}
	errno, err := sockopt.Get(s.fd, sockopt.Error)
	s.host.run.must(s.host.wrap(err))
	outcome, shown := OK, "0"
	if errno != 0 {
		outcome = unix.ErrnoName(errno)
		shown = outcome
	}
	s.host.call("getsockopt", 0, nil, []string{s.arg(), "SOL_SOCKET", "SO_ERROR", "[" + shown + "]"})
	s.after()
	return outcome
}

// Accept takes the next connection from the listener's queue: accept(2).
func (s *Sock) Accept() *Sock {
	s.ready(unix.POLLIN, s.host.run.deadline())
	conn, outcome := s.TryAccept()
	if outcome != OK {
		s.host.run.fail(fmt.Errorf("%s: accept(%s): %s", s.host.name, s.arg(), outcome))
	}
	return conn
}

// TryAccept is Accept without waiting. The outcome is OK or EAGAIN.
func (s *Sock) TryAccept() (conn *Sock, outcome string) {
	s.host.before("accept")
	fd, from, err := unix.Accept4(s.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		errno := s.host.call("accept", fd, err, []string{s.arg()}, unix.EAGAIN)
		s.after()
		return nil, unix.ErrnoName(errno)
	}
	conn = s.host.hold(fd)
	s.host.call("accept", conn.num, nil, []string{s.arg()})
	conn.bound = s.local
	conn.End = s.host.end(pair{s.local, addrPort(from)}, true)
	s.after()
	conn.look()
	return conn, OK
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

// Write writes data, all of which the kernel must take: write(2).
func (s *Sock) Write(data string) {
	if outcome := s.TryWrite(data); outcome != OK {
		s.host.run.fail(fmt.Errorf("%s: write(%s): %s", s.host.name, s.arg(), outcome))
	}
}

// TryWrite is Write where it may be refused. The outcome is OK or the name of
// an errno.
func (s *Sock) TryWrite(data string) (outcome string) {
	s.host.before("write")
	n, err := unix.Write(s.fd, []byte(data))
	errno := s.host.call("write", n, err, []string{s.arg(), quote(data), strconv.Itoa(len(data))},
		unix.EAGAIN, unix.EPIPE, unix.ECONNRESET, unix.ENOTCONN, unix.ETIMEDOUT)
	if errno == 0 && n != len(data) {
		s.host.run.fail(fmt.Errorf("%s: write(%s): took %d of %d bytes", s.host.name, s.arg(), n, len(data)))
	}
	s.after()
	if errno != 0 {
		return unix.ErrnoName(errno)
	}
	return OK
}

// Read waits for something to read and reads it: read(2). It returns "" at the
// end of the stream.
func (s *Sock) Read() string {
	s.ready(unix.POLLIN, s.host.run.deadline())
	data, outcome := s.TryRead()
	if outcome != OK {
		s.host.run.fail(fmt.Errorf("%s: read(%s): %s", s.host.name, s.arg(), outcome))
	}
	return data
}

// TryRead is Read without waiting. The outcome is OK or the name of an errno.
func (s *Sock) TryRead() (data, outcome string) {
	const size = 4096
	s.host.before("read")
	var buf [size]byte
	n, err := unix.Read(s.fd, buf[:])
	args := []string{s.arg(), quote(string(buf[:max(n, 0)])), strconv.Itoa(size)}
	outcome = OK
	if errno := s.host.call("read", n, err, args, unix.EAGAIN, unix.ECONNRESET, unix.ENOTCONN, unix.ETIMEDOUT, unix.EPIPE); errno != 0 {
		outcome = unix.ErrnoName(errno)
	}
	s.after()
	return string(buf[:max(n, 0)]), outcome
}

// Shutdown ends the sending direction: shutdown(2) with SHUT_WR.
func (s *Sock) Shutdown() {
	s.host.before("shutdown")
	s.host.call("shutdown", 0, unix.Shutdown(s.fd, unix.SHUT_WR), []string{s.arg(), "SHUT_WR"})
	s.after()
}

// Close closes the descriptor: close(2), with SO_LINGER off as it is by
// default, unless the story has set it.
func (s *Sock) Close() {
	s.host.before("close")
	if !s.linger {
		s.host.run.must(s.host.wrap(resetOnClose(s.fd, false)))
	}
	s.host.release(s)
	err := unix.Close(s.fd)
	s.fd = closed
	s.host.call("close", 0, err, []string{s.arg()})
	s.after()
}

// Set sets a socket option: setsockopt(2).
func Set[T any](s *Sock, option sockopt.Option[T], v T) {
	s.host.before("setsockopt")
	s.host.run.must(s.host.wrap(sockopt.Set(s.fd, option, v)))
	s.linger = s.linger || option.Name == sockopt.Linger.Name
	s.host.call("setsockopt", 0, nil, []string{s.arg(), option.Level.String(), option.Name, fmt.Sprintf("[%v]", v)})
	s.after()
}

// FD returns the descriptor itself, for tools that read a socket's options.
func (s *Sock) FD() int { return s.fd }
