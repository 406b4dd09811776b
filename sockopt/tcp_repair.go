package sockopt

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// RepairMode is the value of [Repair].
type RepairMode int

// The modes of [Repair]. It reads as RepairOff or RepairOn.
const (
	RepairOff     RepairMode = 0  // leave, and send a window probe to wake the peer
	RepairOn      RepairMode = 1  // enter
	RepairOffMute RepairMode = -1 // leave without the probe (TCP_REPAIR_OFF_NO_WP, since Linux 4.19)
)

func (m RepairMode) String() string {
	switch m {
	case RepairOff:
		return "off"
	case RepairOn:
		return "on"
	case RepairOffMute:
		return "off, no window probe"
	}
	return fmt.Sprintf("RepairMode(%d)", int(m))
}

// Repair (TCP_REPAIR) is the mode in which a connection is taken out of one
// kernel and put into another, as CRIU does. In it, connect makes an established
// connection without a packet, close ends it without a packet, and the other
// TCP_REPAIR_ options, [QueueSeq] and [TCPTimestamp] read and write what is on
// the wire otherwise. EINVAL for other values; EPERM without the capability, in
// the user namespace of the socket's network namespace, and on a listener.
//
// Default off. do_tcp_setsockopt, tcp_can_repair_sock.
var Repair Option[RepairMode] = readWrite(enum[RepairMode](), Spec{
	Name: "TCP_REPAIR", Level: LevelTCP, Number: unix.TCP_REPAIR,
	Range: "-1 to 1", Since: "3.5", Needs: "CAP_NET_ADMIN",
})

// Queue is the value of [RepairQueue].
type Queue int

// The queues of [RepairQueue].
const (
	NoQueue Queue = iota
	RecvQueue
	SendQueue
)

func (q Queue) String() string {
	names := [...]string{"none", "receive", "send"}
	if q >= 0 && int(q) < len(names) {
		return names[q]
	}
	return fmt.Sprintf("Queue(%d)", int(q))
}

// RepairQueue (TCP_REPAIR_QUEUE) chooses the queue that [QueueSeq] means, that
// send fills and that recv with MSG_PEEK shows. Setting it outside of [Repair]
// is EPERM, getting it EINVAL; another number is EINVAL.
//
// do_tcp_setsockopt, do_tcp_getsockopt.
var RepairQueue Option[Queue] = readWrite(enum[Queue](), Spec{
	Name: "TCP_REPAIR_QUEUE", Level: LevelTCP, Number: unix.TCP_REPAIR_QUEUE,
	Range: "0 to 2", Since: "3.5",
})

// QueueSeq (TCP_QUEUE_SEQ) is the next sequence number of the queue that
// [RepairQueue] chose: to write, or to receive. It can be set before connect
// only: EPERM in any state but CLOSE. EINVAL while no queue is chosen.
//
// do_tcp_setsockopt, do_tcp_getsockopt.
var QueueSeq Option[uint32] = readWrite(unsigned, Spec{
	Name: "TCP_QUEUE_SEQ", Level: LevelTCP, Number: unix.TCP_QUEUE_SEQ,
	Since: "3.5",
})

// RepairOption is struct tcp_repair_opt: a TCP option that the handshake would
// have agreed on.
type RepairOption struct {
	Code  uint32 // TCPOPT_MSS 2, _WINDOW 3, _SACK_PERM 4, _TIMESTAMP 8
	Value uint32 // the MSS; the peer's shift in the low 16 bits and this end's above; 0; 0
}

// RepairOptions (TCP_REPAIR_OPTIONS) sets what the handshake of a repaired
// connection agreed on. After connect, before any data was sent: EPERM
// otherwise, EINVAL outside of [Repair] and for a wrong value, EFBIG for a
// shift of more than 14. Unknown codes are ignored.
//
// tcp_repair_options_est (net/ipv4/tcp.c).
var RepairOptions SetOnly[[]RepairOption] = setOnly(codec[[]RepairOption]{
	encode: func(v []RepairOption) ([]byte, error) {
		var b []byte
		for _, o := range v {
			b = native.AppendUint32(native.AppendUint32(b, o.Code), o.Value)
		}
		return b, nil
	},
	text: func(v []RepairOption) string { return fmt.Sprintf("%+v", v) },
}, Spec{
	Name: "TCP_REPAIR_OPTIONS", Level: LevelTCP, Number: unix.TCP_REPAIR_OPTIONS,
	Since: "3.5",
}, make([]byte, 4)) // half an option: refused, or ignored under TCP_REPAIR

// RepairedWindow is struct tcp_repair_window.
type RepairedWindow struct {
	SndWl1    uint32 // sequence number of the segment that last updated SndWnd
	SndWnd    uint32 // bytes: the peer's window
	MaxWindow uint32 // bytes: the largest that the peer ever offered
	RcvWnd    uint32 // bytes: this end's window
	RcvWup    uint32 // what was next to receive when RcvWnd was sent
}

// RepairWindow (TCP_REPAIR_WINDOW) is both ends' windows. EPERM outside of
// [Repair], EINVAL for windows that contradict each other.
//
// tcp_repair_set_window, do_tcp_getsockopt.
var RepairWindow Option[RepairedWindow] = readWrite(plain[RepairedWindow](), Spec{
	Name: "TCP_REPAIR_WINDOW", Level: LevelTCP, Number: unix.TCP_REPAIR_WINDOW,
	Since: "4.8",
})

// TCPTimestamp (TCP_TIMESTAMP) is the clock of the connection's RFC 7323
// timestamps. Its lowest bit is not time: it tells (since Linux 6.7) whether
// the clock counts microseconds. It can be got at any time, and set under
// [Repair]: EPERM otherwise.
//
// do_tcp_setsockopt, do_tcp_getsockopt.
var TCPTimestamp Option[uint32] = readWrite(unsigned, Spec{
	Name: "TCP_TIMESTAMP", Level: LevelTCP, Number: unix.TCP_TIMESTAMP,
	Unit: "ms, or µs if odd", Since: "3.9",
})
