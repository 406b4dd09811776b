// Package sockdiag asks the kernel for the state of one TCP socket, by its
// exact addresses, through inet_diag (sock_diag(7)).
//
// It never dumps connections: an exact look-up costs microseconds whatever else there
// is, a dump walks the whole table. It also sees what no descriptor can show:
// request sockets, orphans, and the time-wait mini-sockets that stand for
// TIME_WAIT and for the FIN_WAIT2 of a closed socket.
package sockdiag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/record"
)

// A Socket is what the kernel says of one socket.
type Socket struct {
	State       string // as in record: "SYN_RECV"
	Timer       string // as in record.State
	Expires     time.Duration
	Retransmits int
	RQueue      uint32 // see record.State
	WQueue      uint32
	Inode       uint32 // 0 where no descriptor holds the socket
}

// include/net/tcp_states.h.
var states = [...]string{
	1: record.Established, 2: record.SynSent, 3: record.SynRecv, 4: record.FinWait1,
	5: record.FinWait2, 6: record.TimeWait, 7: record.Close, 8: record.CloseWait,
	9: record.LastAck, 10: record.Listen, 11: record.Closing,
}

// idiag_timer, sock_diag(7). Since Linux 7.1 (commit c698f5cc940d) it reports a delayed ACK.
var timers = [...]string{0: "", 1: "retransmit", 2: "keepalive", 3: "timewait", 4: "probe", 5: "delack"}

// timerName names a timer. What nobody here knows is named by its number: it is
// no fault of the kernel's to have more timers than this program knows.
func timerName(n int) string {
	if n < len(timers) {
		return timers[n]
	}
	return strconv.Itoa(n)
}

// The wire format: struct nlmsghdr, then struct inet_diag_req_v2 or
// struct inet_diag_msg (include/uapi/linux/inet_diag.h). Netlink headers are in
// host byte order, addresses and ports in network order.
const (
	headerLen  = unix.SizeofNlMsghdr
	requestLen = headerLen + 56
	answerLen  = 72
)

var native = binary.NativeEndian

// A Conn asks about the sockets of one network namespace.
type Conn struct {
	fd  int
	seq uint32
	req [requestLen]byte
	buf [4096]byte
}

// Open opens a Conn in the calling thread's network namespace. It does not
// block: the kernel has answered a look-up when it has taken the question, so
// an answer that is not there then never comes.
func Open() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("NETLINK_SOCK_DIAG: %w", os.NewSyscallError("socket", err))
	}
	return &Conn{fd: fd}, nil
}

// Close closes the Conn.
func (c *Conn) Close() error { return unix.Close(c.fd) }

// Get looks up the socket with these addresses; found is false where there is
// none. A remote of port 0 looks for a listener. Where local and remote belong
// to no connection but local is listened on, the kernel answers with the
// listener: see State.
func (c *Conn) Get(local, remote netip.AddrPort) (s Socket, found bool, err error) {
	for range attempts {
		var port uint16
		s, port, found, err = c.ask(local, remote)
		if err != nil || !found || port == local.Port() {
			return s, found, err
		}
		if port != 0 {
			break
		}
		// The look-up has met the socket just as the kernel released its port
		// (tcp_done, inet_put_port): soon there is none.
	}
	return Socket{}, false, fmt.Errorf("inet_diag: answer about a socket that is not the one at port %d", local.Port())
}

// Destroy ends the socket with these addresses, as ss -K does. It needs CAP_NET_ADMIN
// in the user namespace of the network namespace. EOPNOTSUPP says that this kernel
// was built without it (CONFIG_INET_DIAG_DESTROY), ENOENT that there is no such socket.
func (c *Conn) Destroy(local, remote netip.AddrPort) error {
	c.encode(local, remote)
	native.PutUint16(c.req[4:], unix.SOCK_DESTROY)
	native.PutUint16(c.req[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	if _, err := c.call(unix.SYS_SENDTO, c.req[:]); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	for {
		n, err := c.call(unix.SYS_RECVFROM, c.buf[:])
		if err != nil {
			return os.NewSyscallError("recvfrom", err)
		}
		if n < headerLen+4 || native.Uint32(c.buf[8:]) != c.seq || native.Uint16(c.buf[4:]) != unix.NLMSG_ERROR {
			continue // the answer to a question that was given up
		}
		if errno := unix.Errno(-int32(native.Uint32(c.buf[headerLen:]))); errno != 0 {
			return errno
		}
		return nil
	}
}

// attempts is how often a question is asked again whose answer is about a socket
// that is just going away.
const attempts = 1000

func (c *Conn) ask(local, remote netip.AddrPort) (s Socket, port uint16, found bool, err error) {
	c.encode(local, remote)
	answer, err := c.exchange()
	if err != nil {
		return Socket{}, 0, false, err
	}
	s, found, err = Decode(answer)
	return s, binary.BigEndian.Uint16(c.buf[headerLen+4:]), found, err
}

// exchange sends the question and returns the answer to it.
func (c *Conn) exchange() ([]byte, error) {
	if _, err := c.call(unix.SYS_SENDTO, c.req[:]); err != nil {
		return nil, fmt.Errorf("inet_diag: %w", os.NewSyscallError("sendto", err))
	}
	for {
		n, err := c.call(unix.SYS_RECVFROM, c.buf[:])
		if err == unix.EAGAIN {
			return nil, errors.New("inet_diag: no answer")
		}
		if err != nil {
			return nil, fmt.Errorf("inet_diag: %w", os.NewSyscallError("recvfrom", err))
		}
		if n >= headerLen && native.Uint32(c.buf[8:]) != c.seq {
			continue // the answer to a question that was given up
		}
		return c.buf[:n], nil
	}
}

// call is send(2) or recv(2). It does not block, so Go's scheduler need not know of
// it: to tell it takes a tenth of a look-up.
func (c *Conn) call(trap uintptr, b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(trap, uintptr(c.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

func (c *Conn) encode(local, remote netip.AddrPort) {
	c.seq++
	b := c.req[:]
	native.PutUint32(b[0:], requestLen)
	native.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	native.PutUint16(b[6:], unix.NLM_F_REQUEST)
	native.PutUint32(b[8:], c.seq)
	b = b[headerLen:]
	b[0] = unix.AF_INET
	if local.Addr().Is6() {
		b[0] = unix.AF_INET6
	}
	b[1] = unix.IPPROTO_TCP
	b[2] = 0    // idiag_ext
	id := b[8:] // struct inet_diag_sockid
	binary.BigEndian.PutUint16(id[0:], local.Port())
	binary.BigEndian.PutUint16(id[2:], remote.Port())
	putAddr(id[4:20], local.Addr())
	putAddr(id[20:36], remote.Addr())
	native.PutUint32(id[40:], ^uint32(0)) // INET_DIAG_NOCOOKIE: any incarnation
	native.PutUint32(id[44:], ^uint32(0))
}

func putAddr(b []byte, a netip.Addr) {
	if clear(b); a.Is4() {
		*(*[4]byte)(b) = a.As4()
	} else {
		*(*[16]byte)(b) = a.As16()
	}
}

// Decode reads one answer of the kernel, from its netlink header on.
func Decode(b []byte) (s Socket, found bool, err error) {
	if len(b) < headerLen {
		return Socket{}, false, fmt.Errorf("inet_diag: answer of %d bytes", len(b))
	}
	switch t := native.Uint16(b[4:]); t {
	case unix.NLMSG_ERROR:
		if len(b) < headerLen+4 {
			return Socket{}, false, fmt.Errorf("inet_diag: error of %d bytes", len(b))
		}
		errno := unix.Errno(-int32(native.Uint32(b[headerLen:])))
		if errno == unix.ENOENT {
			return Socket{}, false, nil
		}
		return Socket{}, false, fmt.Errorf("inet_diag: %w", errno)
	case unix.SOCK_DIAG_BY_FAMILY:
	default:
		return Socket{}, false, fmt.Errorf("inet_diag: answer of type %d", t)
	}
	b = b[headerLen:]
	if len(b) < answerLen {
		return Socket{}, false, fmt.Errorf("inet_diag: answer of %d bytes, want %d", len(b), answerLen)
	}
	// A timer that has run out is told as 0, or by some kernels as less than 0.
	expires := max(0, int32(native.Uint32(b[52:])))
	state, timer := int(b[1]), int(b[2])
	if state >= len(states) || states[state] == "" {
		return Socket{}, false, fmt.Errorf("inet_diag: unknown state %d", state)
	}
	return Socket{
		State:       states[state],
		Timer:       timerName(timer),
		Retransmits: int(b[3]),
		Expires:     time.Duration(expires) * time.Millisecond,
		RQueue:      native.Uint32(b[56:]),
		WQueue:      native.Uint32(b[60:]),
		Inode:       native.Uint32(b[68:]),
	}, true, nil
}
