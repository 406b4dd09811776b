package sockdiag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// maxDump is the most that one message of a dump takes (netlink_recvmsg, netlink_dump in
// net/netlink/af_netlink.c).
const maxDump = 32 << 10

// Listeners returns the addresses on which sockets listen. This is a dump, but one of
// the listeners alone, which have a table of their own: it takes some microseconds, where
// /proc/net/tcp walks the table of all the machine's connections.
func (c *Conn) Listeners() ([]netip.AddrPort, error) {
	var all []netip.AddrPort
	// IPv4 comes last: a server mostly begins with it, and has then the one where it has the other.
	for _, family := range []byte{unix.AF_INET6, unix.AF_INET} {
		some, err := c.dumpListeners(family)
		if err != nil && !errors.Is(err, unix.ENOENT) { // a kernel without IPv6
			return nil, fmt.Errorf("inet_diag: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

func (c *Conn) dumpListeners(family byte) ([]netip.AddrPort, error) {
	const listen = 10 // TCP_LISTEN
	c.seq++
	var req [requestLen]byte
	native.PutUint32(req[0:], requestLen)
	native.PutUint16(req[4:], unix.SOCK_DIAG_BY_FAMILY)
	native.PutUint16(req[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	native.PutUint32(req[8:], c.seq)
	req[headerLen], req[headerLen+1] = family, unix.IPPROTO_TCP
	native.PutUint32(req[headerLen+4:], 1<<listen)
	if _, err := c.call(unix.SYS_SENDTO, req[:]); err != nil {
		return nil, os.NewSyscallError("sendto", err)
	}
	var all []netip.AddrPort
	buf := make([]byte, maxDump)
	for {
		n, err := c.call(unix.SYS_RECVFROM, buf)
		if err != nil {
			return nil, os.NewSyscallError("recvfrom", err)
		}
		some, over, err := decodeListeners(buf[:n], c.seq)
		all = append(all, some...)
		if over || err != nil {
			return all, err
		}
	}
}

// decodeListeners reads the messages of a dump; over reports whether that was the last.
func decodeListeners(b []byte, seq uint32) (all []netip.AddrPort, over bool, err error) {
	for len(b) > 0 {
		length := 0
		if len(b) >= headerLen {
			length = int(native.Uint32(b))
		}
		if length < headerLen || length > len(b) {
			return all, true, fmt.Errorf("a message of %d bytes in %d", length, len(b))
		}
		message := b[:length]
		b = b[min(len(b), (length+3)&^3):]
		if native.Uint32(message[8:]) != seq {
			continue // the answer to a question that was given up
		}
		switch t := native.Uint16(message[4:]); {
		case t == unix.NLMSG_DONE:
			return all, true, nil
		case t == unix.NLMSG_ERROR && length >= headerLen+4:
			return all, true, unix.Errno(-int32(native.Uint32(message[headerLen:])))
		case t != unix.SOCK_DIAG_BY_FAMILY || length < headerLen+answerLen:
			return all, true, fmt.Errorf("an answer of type %d with %d bytes", t, length)
		}
		all = append(all, localOf(message[headerLen:]))
	}
	return all, false, nil
}

// localOf reads the local address of a struct inet_diag_msg.
func localOf(b []byte) netip.AddrPort {
	id := b[4:] // struct inet_diag_sockid
	address := netip.AddrFrom16([16]byte(id[4:20]))
	if b[0] == unix.AF_INET {
		address = netip.AddrFrom4([4]byte(id[4:8]))
	}
	return netip.AddrPortFrom(address, binary.BigEndian.Uint16(id))
}
