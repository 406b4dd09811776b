package sockopt

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// RcvBuf (SO_RCVBUF) is the limit of memory for received data, bookkeeping
// included. The kernel doubles what it is given, to make up for bookkeeping,
// after it cut it to net.core.rmem_max; it raises anything less to
// SOCK_MIN_RCVBUF (about 2300 bytes). No value is refused: a negative one is
// unsigned to the kernel, and cut. Setting it ends the automatic growth of the
// buffer for good, and limits the window; to matter to the window scale it must
// be set before connect or listen.
//
// A TCP socket starts with tcp_rmem[1], not with socket(7)'s rmem_default, and
// that is not doubled. socket(7); __sock_set_rcvbuf.
var RcvBuf Option[int] = readWrite(integer, Spec{
	Name: "SO_RCVBUF", Level: LevelSocket, Number: unix.SO_RCVBUF,
	Unit: "bytes", Since: "≤2.2", Sysctl: "net.ipv4.tcp_rmem",
})

// SndBuf (SO_SNDBUF) is the limit of memory for data not yet acknowledged,
// bookkeeping included. The kernel doubles what it is given, after it cut it to
// net.core.wmem_max, and raises anything less to SOCK_MIN_SNDBUF (about 4600
// bytes). No value is refused. Setting it ends the automatic growth of the
// buffer for good.
//
// A TCP socket starts with tcp_wmem[1], not with socket(7)'s wmem_default.
// socket(7); sk_setsockopt.
var SndBuf Option[int] = readWrite(integer, Spec{
	Name: "SO_SNDBUF", Level: LevelSocket, Number: unix.SO_SNDBUF,
	Unit: "bytes", Since: "≤2.2", Sysctl: "net.ipv4.tcp_wmem",
})

// RcvBufForce (SO_RCVBUFFORCE) is [RcvBuf] without the limit of rmem_max. A
// negative value counts as zero. The capability is needed in the initial user
// namespace: root of a container does not have it. Read the result from
// [RcvBuf].
//
// socket(7); sk_setsockopt, sockopt_capable.
var RcvBufForce SetOnly[int] = setOnly(integer, Spec{
	Name: "SO_RCVBUFFORCE", Level: LevelSocket, Number: unix.SO_RCVBUFFORCE,
	Unit: "bytes", Since: "2.6.14", Needs: "CAP_NET_ADMIN",
}, nil)

// SndBufForce (SO_SNDBUFFORCE) is [SndBuf] without the limit of wmem_max. A
// negative value counts as zero. The capability is needed in the initial user
// namespace. Read the result from [SndBuf].
//
// socket(7); sk_setsockopt, sockopt_capable.
var SndBufForce SetOnly[int] = setOnly(integer, Spec{
	Name: "SO_SNDBUFFORCE", Level: LevelSocket, Number: unix.SO_SNDBUFFORCE,
	Unit: "bytes", Since: "2.6.14", Needs: "CAP_NET_ADMIN",
}, nil)

// BufLock flags which buffer sizes are the program's, and no longer tuned by
// the kernel.
type BufLock int

// The flags of [BufLocks].
const (
	LockSndBuf BufLock = unix.SOCK_SNDBUF_LOCK
	LockRcvBuf BufLock = unix.SOCK_RCVBUF_LOCK
)

func (l BufLock) String() string {
	switch l {
	case 0:
		return "none"
	case LockSndBuf:
		return "send"
	case LockRcvBuf:
		return "receive"
	case LockSndBuf | LockRcvBuf:
		return "send, receive"
	}
	return fmt.Sprintf("BufLock(%d)", int(l))
}

// BufLocks (SO_BUF_LOCK) tells which buffers [SndBuf] and [RcvBuf] have fixed,
// and is the only way to hand one back to the kernel's tuning. Other flags are
// refused with EINVAL.
//
// sk_setsockopt.
var BufLocks Option[BufLock] = readWrite(enum[BufLock](), Spec{
	Name: "SO_BUF_LOCK", Level: LevelSocket, Number: unix.SO_BUF_LOCK,
	Range: "0 to 3", Since: "5.15",
})

// RcvLowat (SO_RCVLOWAT) is how many bytes make the socket readable for poll
// and wake a blocked recv. Zero counts as 1, a negative value as the most. The
// kernel cuts it to half the receive buffer (half of tcp_rmem[2] where
// [RcvBuf] was not set), and grows the buffer to fit.
//
// Default 1. socket(7); tcp_set_rcvlowat.
var RcvLowat Option[int] = readWrite(integer, Spec{
	Name: "SO_RCVLOWAT", Level: LevelSocket, Number: unix.SO_RCVLOWAT,
	Unit: "bytes", Since: "2.4",
})

// SndLowat (SO_SNDLOWAT) is always 1: Linux does not let it be set.
// [NotSentLowat] is the option for that purpose. socket(7); sk_getsockopt.
var SndLowat ReadOnly[int] = readOnly(integer, Spec{
	Name: "SO_SNDLOWAT", Level: LevelSocket, Number: unix.SO_SNDLOWAT,
	Unit: "bytes", Since: "≤2.2",
})

// RcvTimeo (SO_RCVTIMEO) is how long a blocking read or accept waits before it
// fails with EAGAIN. 0, the default, is for ever. The kernel rounds up to its
// tick (4 ms at HZ=250). No effect on poll, nor on Go's net package, whose
// sockets do not block. This package refuses a negative time, which the kernel
// takes for "don't wait".
//
// socket(7); sock_set_timeout.
var RcvTimeo Option[time.Duration] = readWrite(timeout, Spec{
	Name: "SO_RCVTIMEO", Level: LevelSocket, Number: unix.SO_RCVTIMEO,
	Since: "≤2.4",
})

// SndTimeo (SO_SNDTIMEO) is how long a blocking write waits before it fails
// with EAGAIN, and a blocking connect before it fails with EINPROGRESS. 0, the
// default, is for ever. Rounded up to the kernel's tick. This package refuses a
// negative time.
//
// socket(7); sock_set_timeout.
var SndTimeo Option[time.Duration] = readWrite(timeout, Spec{
	Name: "SO_SNDTIMEO", Level: LevelSocket, Number: unix.SO_SNDTIMEO,
	Since: "≤2.4",
})

// PeekOff (SO_PEEK_OFF) is where the next recv with MSG_PEEK starts in the
// receive queue. It moves on with each peek and back with each read. -1, the
// default, peeks at the front always.
//
// For TCP since Linux 6.9; before that EOPNOTSUPP. socket(7); sk_set_peek_off.
var PeekOff Option[int] = readWrite(integer, Spec{
	Name: "SO_PEEK_OFF", Level: LevelSocket, Number: unix.SO_PEEK_OFF,
	Unit: "bytes", Since: "3.4",
})

// OOBInline (SO_OOBINLINE) leaves urgent data in the stream, instead of for a
// recv with MSG_OOB.
//
// Default off. socket(7); sk_setsockopt.
var OOBInline Option[bool] = readWrite(boolean, Spec{
	Name: "SO_OOBINLINE", Level: LevelSocket, Number: unix.SO_OOBINLINE,
	Since: "≤2.2",
})

// ZeroCopy (SO_ZEROCOPY) allows send with MSG_ZEROCOPY on the socket: the
// kernel sends from the program's pages, and says on the error queue when it
// has done with them.
//
// Default off. sk_setsockopt.
var ZeroCopy Option[bool] = readWrite(boolean, Spec{
	Name: "SO_ZEROCOPY", Level: LevelSocket, Number: unix.SO_ZEROCOPY,
	Since: "4.14",
})

// ReserveMem (SO_RESERVE_MEM) sets memory aside for the socket, so that it
// works under memory pressure too. Rounded up to pages. EOPNOTSUPP where the
// socket is not charged to a memory cgroup (in the root cgroup, say), ENOMEM
// where the memory is not to be had.
//
// Default 0. sk_setsockopt, sock_reserve_memory.
var ReserveMem Option[int] = readWrite(integer, Spec{
	Name: "SO_RESERVE_MEM", Level: LevelSocket, Number: unix.SO_RESERVE_MEM,
	Unit: "bytes", Range: "0 to 2147483647", Since: "5.16",
})

// Memory is the value of [MemInfo], in bytes except for Drops.
type Memory struct {
	RmemAlloc  uint32 // receive queue, bookkeeping included
	RcvBuf     uint32 // limit of it
	WmemAlloc  uint32 // handed to the device and not freed yet
	SndBuf     uint32 // limit of WmemQueued
	FwdAlloc   uint32 // charged to the socket and unused
	WmemQueued uint32 // send queue, bookkeeping included
	OptMem     uint32 // filters, keys, …
	Backlog    uint32 // packets that came while a call held the socket
	Drops      uint32 // packets
}

// MemInfo (SO_MEMINFO) is what ss -m shows of a socket's memory.
//
// sk_get_meminfo (net/core/sock.c).
var MemInfo ReadOnly[Memory] = readOnly(plain[Memory](), Spec{
	Name: "SO_MEMINFO", Level: LevelSocket, Number: unix.SO_MEMINFO,
	Since: "4.12",
})
