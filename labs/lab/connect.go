package lab

import (
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/stack"
)

// Connect starts to connect the socket: connect(2), which is then in progress,
// its SYN on the wire. The kernel gives a socket that is not bound a source
// address and port.
func (s *Sock) Connect(to netip.AddrPort) {
	if outcome := s.TryConnect(to); outcome != unix.ErrnoName(unix.EINPROGRESS) {
		s.refused("connect", outcome)
	}
}

// Reconnect starts to connect a new socket from the address and port of an earlier
// one to where that was connected: socket, bind, connect(2).
func (h *Host) Reconnect(earlier *Sock) *Sock {
	s := h.Socket()
	s.Bind(earlier.End.rig.Local)
	s.Connect(earlier.End.rig.Remote)
	return s
}

// CrossConnect makes a socket on this host and one on another, each bound to a port,
// that connect to each other: both SYNs are on the wire then.
func (h *Host) CrossConnect(port int, other *Host, otherPort int) (own, others *Sock) {
	own, others = h.Socket(), other.Socket()
	own.Bind(h.Addr(port))
	others.Bind(other.Addr(otherPort))
	own.Connect(other.Addr(otherPort))
	others.Connect(h.Addr(port))
	return own, others
}

// TryConnect is Connect where the call may have another outcome than to be in
// progress: OK, or the name of an errno.
func (s *Sock) TryConnect(to netip.AddrPort) (outcome string) {
	s.before(s.name, "connect")
	return s.connecting("connect", to, 0, unix.Connect(s.fd, stack.Sockaddr(to)), s.arg(), to.String())
}

// ConnectSending connects and writes in one, by Fast Open: sendto(2) with
// MSG_FASTOPEN. The outcome is OK if the data is in the SYN, EINPROGRESS if the SYN
// went without it, or the name of another errno.
func (s *Sock) ConnectSending(to netip.AddrPort, data string) (outcome string) {
	s.before(s.name, "sendto")
	n, err := 0, unix.Sendto(s.fd, []byte(data), unix.MSG_FASTOPEN, stack.Sockaddr(to))
	if err == nil {
		n = len(data)
	}
	return s.connecting("sendto", to, n, err, s.arg(), quote(data), strconv.Itoa(len(data)), "MSG_FASTOPEN", to.String())
}

// connecting takes in what a call that connects has done.
func (s *Sock) connecting(call string, to netip.AddrPort, n int, err error, args ...string) (outcome string) {
	from := s.bound
	if !from.IsValid() || from.Port() == 0 {
		from = s.own()
	}
	begun := err == nil && s.End == nil || err == unix.EINPROGRESS // it returns 0 with Fast Open
	if begun {
		s.program.rig.Connecting(from)
	}
	errno := s.call(call, n, err, args,
		unix.EINPROGRESS, unix.EALREADY, unix.EISCONN, unix.ECONNREFUSED, unix.ECONNABORTED, unix.ECONNRESET,
		unix.ETIMEDOUT, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EADDRNOTAVAIL, unix.EADDRINUSE, unix.EACCES, unix.EOPNOTSUPP)
	if begun {
		s.met(rig.Pair{Local: from, Remote: to}, false)
		if to.Addr().IsLoopback() { // the kernel goes on by itself, now or in a moment
			s.ready(unix.POLLOUT, s.program.run.rig.Deadline())
		}
	}
	s.acted()
	if errno != 0 {
		return unix.ErrnoName(errno)
	}
	return OK
}

// Disconnect dissolves the socket's association: connect(2) to an address of the
// family AF_UNSPEC. The socket can then connect, or listen, again.
func (s *Sock) Disconnect() {
	s.before(s.name, "connect")
	unspec := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&unspec)), unsafe.Sizeof(unspec))
	var err error
	if errno != 0 {
		err = errno
	}
	s.call("connect", 0, err, []string{s.arg(), "AF_UNSPEC"})
	s.acted()
}
