package sockdiag

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// An Info is what the kernel says of a sender's view of the network. What it does not
// know, or has not, is 0.
type Info struct {
	MinRTT     time.Duration // the least round-trip time of late: tcpi_min_rtt
	SACKed     int           // segments that the peer has beyond a hole: tcpi_sacked
	Reordering int           // so many of those mean a loss, not another order: tcpi_reordering
	Reordered  bool          // segments have arrived in another order: tcpi_reord_seen
}

// What the answer has beyond struct inet_diag_msg are attributes, of which
// INET_DIAG_INFO holds struct tcp_info (include/uapi/linux/inet_diag.h, tcp.h).
const (
	info         = 2 // INET_DIAG_INFO
	sackedAt     = 28
	reorderingAt = 88
	minRTTAt     = 148 // in microseconds
	reordSeenAt  = 220 // older kernels have it not
	infoLen      = minRTTAt + 4
	noRTT        = ^uint32(0)
)

// Info asks about the connection with these addresses. All is 0 where there is none.
func (c *Conn) Info(local, remote netip.AddrPort) (Info, error) {
	c.encode(local, remote)
	c.req[headerLen+2] = 1 << (info - 1)
	answer, err := c.exchange()
	if err != nil {
		return Info{}, err
	}
	if _, found, err := Decode(answer); err != nil || !found {
		return Info{}, err
	}
	return decodeInfo(answer[headerLen+answerLen:]), nil
}

func decodeInfo(attributes []byte) (i Info) {
	for b := attributes; len(b) >= unix.SizeofNlAttr; {
		length := int(native.Uint16(b))
		if length < unix.SizeofNlAttr || length > len(b) {
			return Info{}
		}
		value := b[unix.SizeofNlAttr:length]
		if native.Uint16(b[2:]) == info && len(value) >= infoLen {
			i.SACKed, i.Reordering = int(native.Uint32(value[sackedAt:])), int(native.Uint32(value[reorderingAt:]))
			if us := native.Uint32(value[minRTTAt:]); us != noRTT {
				i.MinRTT = time.Duration(us) * time.Microsecond
			}
			i.Reordered = len(value) >= reordSeenAt+4 && native.Uint32(value[reordSeenAt:]) != 0
			return i
		}
		b = b[min(len(b), (length+3)&^3):]
	}
	return Info{}
}
