// Package sockdiag asks the kernel for the state of one TCP socket, by its
// exact addresses, through inet_diag (sock_diag(7)).
//
// It never dumps: an exact look-up costs microseconds whatever else there is,
// a dump walks the whole table. It also sees what no descriptor can show:
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

// idiag_timer, sock_diag(7). A delayed ACK is told of from about Linux 7.1 on.
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

// attempts is how often a question is asked again whose answer is about a socket
// that is just going away.
const attempts = 1000

func (c *Conn) ask(local, remote netip.AddrPort) (s Socket, port uint16, found bool, err error) {
	c.encode(local, remote)
	if _, err := retry(func() (int, error) { return unix.Write(c.fd, c.req[:]) }); err != nil {
		return Socket{}, 0, false, fmt.Errorf("inet_diag: %w", os.NewSyscallError("write", err))
	}
	for {
		n, err := retry(func() (int, error) { return unix.Read(c.fd, c.buf[:]) })
		if err == unix.EAGAIN {
			return Socket{}, 0, false, errors.New("inet_diag: no answer")
		}
		if err != nil {
			return Socket{}, 0, false, fmt.Errorf("inet_diag: %w", os.NewSyscallError("read", err))
		}
		if n >= headerLen && native.Uint32(c.buf[8:]) != c.seq {
			continue // the answer to a question that was given up
		}
		s, found, err := Decode(c.buf[:n])
		return s, binary.BigEndian.Uint16(c.buf[headerLen+4:]), found, err
	}
}

func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
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
	id := b[8:] // struct inet_diag_sockid
	binary.BigEndian.PutUint16(id[0:], local.Port())
	binary.BigEndian.PutUint16(id[2:], remote.Port())
	putAddr(id[4:20], local.Addr())
	putAddr(id[20:36], remote.Addr())
	native.PutUint32(id[40:], ^uint32(0)) // INET_DIAG_NOCOOKIE: any incarnation
	native.PutUint32(id[44:], ^uint32(0))
}

func putAddr(b []byte, a netip.Addr) {
	clear(b)
	copy(b, a.AsSlice())
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
