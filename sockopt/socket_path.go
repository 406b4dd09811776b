package sockopt

import (
	"math"

	"golang.org/x/sys/unix"
)

// Priority (SO_PRIORITY) orders the socket's packets in the queueing
// discipline. Without the capability 0 to 6 only, EPERM otherwise. Setting
// [IPTOS] overwrites it.
//
// Default 0. socket(7); sk_set_prio_allowed (CAP_NET_RAW does as well).
var Priority Option[int] = readWrite(integer, Spec{
	Name: "SO_PRIORITY", Level: LevelSocket, Number: unix.SO_PRIORITY,
	Range: "0 to 6, any with the capability", Since: "≤2.2", Needs: "CAP_NET_ADMIN",
})

// Mark (SO_MARK) is a number on every packet of the socket, for ip rule and
// netfilter to see. Set it before connect or listen: the handshake carries it.
//
// Default 0. socket(7); sk_setsockopt (since Linux 5.17 CAP_NET_RAW does as
// well; both count in the namespace's own user namespace).
var Mark Option[uint32] = readWrite(unsigned, Spec{
	Name: "SO_MARK", Level: LevelSocket, Number: unix.SO_MARK,
	Since: "2.6.25", Needs: "CAP_NET_ADMIN",
})

// RcvMark (SO_RCVMARK) asks for the mark of received packets as a control
// message. TCP's recvmsg has no packet to show it of.
//
// Default off. sk_setsockopt.
var RcvMark Option[bool] = readWrite(boolean, Spec{
	Name: "SO_RCVMARK", Level: LevelSocket, Number: unix.SO_RCVMARK,
	Since: "5.19",
})

// RcvPriority (SO_RCVPRIORITY) asks for the priority of received packets as a
// control message. TCP's recvmsg has no packet to show it of.
//
// Default off. sk_setsockopt.
var RcvPriority Option[bool] = readWrite(boolean, Spec{
	Name: "SO_RCVPRIORITY", Level: LevelSocket, Number: unix.SO_RCVPRIORITY,
	Since: "6.14",
})

// DontRoute (SO_DONTROUTE) sends to directly connected hosts only, without a
// gateway.
//
// Default off. socket(7); sk_setsockopt.
var DontRoute Option[bool] = readWrite(boolean, Spec{
	Name: "SO_DONTROUTE", Level: LevelSocket, Number: unix.SO_DONTROUTE,
	Since: "≤2.2",
})

// BindToDevice (SO_BINDTODEVICE) ties the socket to a network device by name:
// it receives and sends only through that device. An empty name unties it.
// ENODEV if there is no such device. The first tie needs no capability since
// Linux 5.7; to change or remove one needs it.
//
// Default "". Readable since Linux 3.8. socket(7); sock_setbindtodevice,
// sock_bindtoindex_locked.
var BindToDevice Option[string] = readWrite(name(unix.IFNAMSIZ), Spec{
	Name: "SO_BINDTODEVICE", Level: LevelSocket, Number: unix.SO_BINDTODEVICE,
	Range: "up to 15 bytes", Since: "≤2.2", Needs: "CAP_NET_RAW",
})

// BindToIfindex (SO_BINDTOIFINDEX) is [BindToDevice] by the device's number,
// which does not change when the device is renamed. 0 unties the socket. The
// kernel does not check that the device exists.
//
// Default 0. sock_bindtoindex_locked.
var BindToIfindex Option[int] = readWrite(integer, Spec{
	Name: "SO_BINDTOIFINDEX", Level: LevelSocket, Number: unix.SO_BINDTOIFINDEX,
	Range: "0 to 2147483647", Since: "5.1", Needs: "CAP_NET_RAW",
})

// MaxPacingRate (SO_MAX_PACING_RATE) is the most that the socket sends per
// second. Setting it turns pacing on, by the fq queueing discipline or else by
// TCP's own timers. All ones, the default, is no limit. The kernel of a 32-bit
// machine, and any before Linux 5.1, knows 32 bits of it.
//
// sk_setsockopt, sk_getsockopt.
var MaxPacingRate Option[uint64] = readWrite(rate, Spec{
	Name: "SO_MAX_PACING_RATE", Level: LevelSocket, Number: unix.SO_MAX_PACING_RATE,
	Unit: "bytes/s", Since: "3.13",
})

// rate is 64 bits to a kernel that knows them; another answers with 32.
var rate = codec[uint64]{
	size:   8,
	encode: unsigned64.encode,
	decode: func(b []byte) (uint64, error) {
		if len(b) >= 8 {
			return unsigned64.decode(b)
		}
		v, err := unsigned.decode(b)
		if v == math.MaxUint32 {
			return math.MaxUint64, err
		}
		return uint64(v), err
	},
	text: func(v uint64) string {
		if v == math.MaxUint64 {
			return "unlimited"
		}
		return unsigned64.text(v)
	},
}

// TxRehash (SO_TXREHASH) reports whether a connection in trouble (a
// retransmission timeout, above all) draws a new flow hash, to find another
// path. 1 is yes, 0 is no, and -1 sets it to the sysctl's answer of that
// moment, which is what a new socket has.
//
// sk_setsockopt, inet_create; Documentation/admin-guide/sysctl/net.rst.
var TxRehash Option[int] = readWrite(integer, Spec{
	Name: "SO_TXREHASH", Level: LevelSocket, Number: unix.SO_TXREHASH,
	Range: "-1 to 1", Since: "5.18", Sysctl: "net.core.txrehash",
})

// CnxAdvice (SO_CNX_ADVICE) with 1 tells the kernel that the path is bad: it
// drops the cached route and draws a new flow hash, as after a timeout. Any
// other value does nothing.
//
// sk_setsockopt, dst_negative_advice.
var CnxAdvice SetOnly[int] = setOnly(integer, Spec{
	Name: "SO_CNX_ADVICE", Level: LevelSocket, Number: unix.SO_CNX_ADVICE,
	Range: "1", Since: "4.6",
}, []byte{0, 0, 0, 0})

// IncomingCPU (SO_INCOMING_CPU) is the CPU that the last packet was processed
// on. Set on the listeners of one [ReusePort] group, it makes the kernel prefer
// the listener of the CPU that handles the SYN.
//
// -1 before the first packet. Settable since Linux 4.4. No value is refused.
// socket(7); reuseport_update_incoming_cpu.
var IncomingCPU Option[int] = readWrite(integer, Spec{
	Name: "SO_INCOMING_CPU", Level: LevelSocket, Number: unix.SO_INCOMING_CPU,
	Since: "3.19",
})

// IncomingNAPIID (SO_INCOMING_NAPI_ID) numbers the device queue that the last
// packet came from; 0 if it came from none (loopback, TUN).
//
// socket(7); sk_getsockopt.
var IncomingNAPIID ReadOnly[int] = readOnly(integer, Spec{
	Name: "SO_INCOMING_NAPI_ID", Level: LevelSocket, Number: unix.SO_INCOMING_NAPI_ID,
	Since: "4.12",
})

// BusyPoll (SO_BUSY_POLL) is how long a blocking receive without data polls
// the device queue itself, before it sleeps. Contrary to socket(7), raising it
// takes no capability in Linux 6.18.
//
// socket(7); sk_setsockopt.
var BusyPoll Option[int] = readWrite(integer, Spec{
	Name: "SO_BUSY_POLL", Level: LevelSocket, Number: unix.SO_BUSY_POLL,
	Unit: "µs", Range: "0 to 2147483647", Since: "3.11", Sysctl: "net.core.busy_read",
})

// PreferBusyPoll (SO_PREFER_BUSY_POLL) keeps the device's interrupts off as
// long as the program polls.
//
// Default off. Turning it off takes no capability. sk_setsockopt.
var PreferBusyPoll Option[bool] = readWrite(boolean, Spec{
	Name: "SO_PREFER_BUSY_POLL", Level: LevelSocket, Number: unix.SO_PREFER_BUSY_POLL,
	Since: "5.11", Needs: "CAP_NET_ADMIN",
})

// BusyPollBudget (SO_BUSY_POLL_BUDGET) is how many packets one round of busy
// polling takes at most. Raising it takes the capability.
//
// sk_setsockopt; sk_getsockopt has no such option.
var BusyPollBudget SetOnly[int] = setOnly(integer, Spec{
	Name: "SO_BUSY_POLL_BUDGET", Level: LevelSocket, Number: unix.SO_BUSY_POLL_BUDGET,
	Unit: "packets", Range: "0 to 65535", Since: "5.11", Needs: "CAP_NET_ADMIN",
}, []byte{0xff, 0xff, 0xff, 0xff}) // -1 is refused

// SOTimestamp (SO_TIMESTAMP) adds to recvmsg, as a control message, when the
// data came in, in microseconds. Turns [SOTimestampNS] off.
//
// Default off. socket(7); sk_setsockopt, sock_set_timestamp.
var SOTimestamp Option[bool] = readWrite(boolean, Spec{
	Name: "SO_TIMESTAMP", Level: LevelSocket, Number: unix.SO_TIMESTAMP,
	Since: "≤2.4",
})

// SOTimestampNS (SO_TIMESTAMPNS) is [SOTimestamp] in nanoseconds, and turns
// that off.
//
// Default off. socket(7); sk_setsockopt, sock_set_timestamp.
var SOTimestampNS Option[bool] = readWrite(boolean, Spec{
	Name: "SO_TIMESTAMPNS", Level: LevelSocket, Number: unix.SO_TIMESTAMPNS,
	Since: "2.6.22",
})

// SOTimestamping (SO_TIMESTAMPING) asks for times of received data, and of the
// moments at which sent data was scheduled, handed to the device and
// acknowledged. The value is SOF_TIMESTAMPING_ flags of linux/net_tstamp.h;
// unknown ones are refused with EINVAL.
//
// Default 0. sk_setsockopt, sock_set_timestamping.
var SOTimestamping Option[uint32] = readWrite(unsigned, Spec{
	Name: "SO_TIMESTAMPING", Level: LevelSocket, Number: unix.SO_TIMESTAMPING,
	Since: "2.6.30",
})

// LockFilter (SO_LOCK_FILTER) forbids changing or removing the socket's BPF
// filters. It can't be turned off again: EPERM.
//
// Default off. socket(7); sk_setsockopt.
var LockFilter Option[bool] = readWrite(boolean, Spec{
	Name: "SO_LOCK_FILTER", Level: LevelSocket, Number: unix.SO_LOCK_FILTER,
	Since: "3.9",
})
