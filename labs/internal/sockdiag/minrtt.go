package sockdiag

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// What the answer has beyond struct inet_diag_msg are attributes, of which
// INET_DIAG_INFO holds struct tcp_info (include/uapi/linux/inet_diag.h, tcp.h).
const (
	info     = 2   // INET_DIAG_INFO
	minRTTAt = 148 // tcpi_min_rtt, in microseconds
	noRTT    = ^uint32(0)
)

// MinRTT is the least round-trip time of the connection with these addresses, of
// late: tcpi_min_rtt. It is 0 where the kernel does not know one, or has no such
// connection.
func (c *Conn) MinRTT(local, remote netip.AddrPort) (time.Duration, error) {
	c.encode(local, remote)
	c.req[headerLen+2] = 1 << (info - 1)
	answer, err := c.exchange()
	if err != nil {
		return 0, err
	}
	if _, found, err := Decode(answer); err != nil || !found {
		return 0, err
	}
	return decodeMinRTT(answer[headerLen+answerLen:]), nil
}

func decodeMinRTT(attributes []byte) time.Duration {
	for b := attributes; len(b) >= unix.SizeofNlAttr; {
		length := int(native.Uint16(b))
		if length < unix.SizeofNlAttr || length > len(b) {
			return 0
		}
		value := b[unix.SizeofNlAttr:length]
		if native.Uint16(b[2:]) == info && len(value) >= minRTTAt+4 {
			if us := native.Uint32(value[minRTTAt:]); us != noRTT {
				return time.Duration(us) * time.Microsecond
			}
			return 0
		}
		b = b[min(len(b), (length+3)&^3):]
	}
	return 0
}
