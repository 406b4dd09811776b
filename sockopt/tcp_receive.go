package sockopt

import "golang.org/x/sys/unix"

// QuickAck (TCP_QUICKACK) turned on leaves "pingpong" mode, in which ACKs wait
// for data to go with, and sends an ACK that is due; turned off it enters that
// mode. It does not last: the kernel goes on to change its mind as data flows.
// Even values other than 0, which this package does not offer, leave the mode
// for one ACK only.
//
// Default on. tcp(7); __tcp_sock_set_quickack.
var QuickAck Option[bool] = readWrite(boolean, Spec{
	Name: "TCP_QUICKACK", Level: LevelTCP, Number: unix.TCP_QUICKACK,
	Since: "2.4.4",
})

// WindowClamp (TCP_WINDOW_CLAMP) bounds the window that this end offers. The
// kernel raises it to SOCK_MIN_RCVBUF/2 (about 1150 bytes). 0 takes the bound
// away, on a closed socket only: EINVAL otherwise. The kernel sets it too, when
// it connects or listens.
//
// Default 0. tcp(7); tcp_set_window_clamp.
var WindowClamp Option[int] = readWrite(integer, Spec{
	Name: "TCP_WINDOW_CLAMP", Level: LevelTCP, Number: unix.TCP_WINDOW_CLAMP,
	Unit: "bytes", Since: "2.4",
})

// Inq (TCP_INQ) adds to recvmsg, as a control message TCP_CM_INQ, how many
// bytes are left to read. EINVAL for values other than 0 and 1.
//
// Default off. do_tcp_setsockopt.
var Inq Option[bool] = readWrite(boolean, Spec{
	Name: "TCP_INQ", Level: LevelTCP, Number: unix.TCP_INQ,
	Since: "4.18",
})

// ZeroCopyChunk is struct tcp_zerocopy_receive: what to receive in, and what
// was received.
type ZeroCopyChunk struct {
	Address       uint64 // in: page of a mapping of the socket, made with mmap
	Length        uint32 // in: bytes of the mapping; out: bytes mapped
	RecvSkipHint  uint32 // out: bytes to read with recv, for they can't be mapped
	Inq           uint32 // out: bytes left in the receive queue
	Err           int32  // out: pending socket error, taken from SO_ERROR
	CopybufAddr   uint64 // in: buffer for what is too little to map
	CopybufLen    int32  // in: its size; out: bytes copied, or a negative errno
	Flags         uint32 // in: 1: the mapping was never used since it was emptied
	MsgControl    uint64 // in: buffer for control messages
	MsgControlLen uint64 // in and out: its size
	MsgFlags      uint32 // in and out
	_             uint32
}

// ZeroCopyReceive (TCP_ZEROCOPY_RECEIVE) maps received pages into the program,
// instead of copying them. The addresses must be of memory that Go's garbage
// collector does not own: get it from mmap. EINVAL for an address that is no
// mapping of a socket or no page's start, EIO at the end of the stream, ENOTCONN
// on a listener.
//
// tcp_zerocopy_receive (net/ipv4/tcp.c).
var ZeroCopyReceive Query[ZeroCopyChunk, ZeroCopyChunk] = query(queryCodec[ZeroCopyChunk, ZeroCopyChunk]{
	question: plain[ZeroCopyChunk]().encode,
	answer:   plain[ZeroCopyChunk]().decode,
}, Spec{
	Name: "TCP_ZEROCOPY_RECEIVE", Level: LevelTCP, Number: unix.TCP_ZEROCOPY_RECEIVE,
	Since: "4.18",
})
