package sockopt

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ReuseAddr (SO_REUSEADDR) lets bind take a local address and port that other
// sockets still hold: connections in TIME_WAIT above all, or another socket
// that has the option too and does not listen. A listener on the same port
// still refuses the bind with EADDRINUSE.
//
// Default off; Go's net package sets it on every listener. Under TCP_REPAIR
// it reads as on (SK_FORCE_REUSE). socket(7); sk_setsockopt.
var ReuseAddr Option[bool] = readWrite(boolean, Spec{
	Name: "SO_REUSEADDR", Level: LevelSocket, Number: unix.SO_REUSEADDR,
	Since: "≤2.2",
})

// ReusePort (SO_REUSEPORT) lets several sockets listen on one address and port;
// the kernel spreads connections over them by a hash of the 4-tuple. Every one
// of them must set it before bind, and all must belong to one effective user.
//
// Default off. socket(7); sk_setsockopt.
var ReusePort Option[bool] = readWrite(boolean, Spec{
	Name: "SO_REUSEPORT", Level: LevelSocket, Number: unix.SO_REUSEPORT,
	Since: "3.9",
})

// KeepAlive (SO_KEEPALIVE) makes an idle connection probe its peer, after
// [KeepIdle] seconds, every [KeepIntvl] seconds, at most [KeepCnt] times; the
// connection then fails with ETIMEDOUT.
//
// Default off; Go's net package sets it on every connection. The timer starts
// when the option is turned on, and the probe is delayed while the connection
// is busy. socket(7), tcp(7); tcp_set_keepalive, tcp_keepalive_timer.
var KeepAlive Option[bool] = readWrite(boolean, Spec{
	Name: "SO_KEEPALIVE", Level: LevelSocket, Number: unix.SO_KEEPALIVE,
	Since: "≤2.2",
})

// LingerValue is the value of [Linger].
type LingerValue struct {
	On      bool
	Seconds int
}

func (l LingerValue) String() string {
	if !l.On {
		return "off"
	}
	return fmt.Sprintf("on, %d s", l.Seconds)
}

// Linger (SO_LINGER) decides what close does with data not yet sent or not yet
// acknowledged. Off (the default): close returns at once and the kernel goes on
// in the background. On with a time: close waits for the data and the FIN to be
// acknowledged, as long as that, and the kernel goes on afterwards. On with
// zero: close throws the data away and sends RST instead of FIN, and there is
// no TIME_WAIT.
//
// A non-blocking socket waits as well. When the process exits, it lingers in
// the background. A negative time is for ever, and reads back as a number
// without meaning. socket(7); sk_setsockopt, __tcp_close, inet_release.
var Linger Option[LingerValue] = readWrite(lingerCodec, Spec{
	Name: "SO_LINGER", Level: LevelSocket, Number: unix.SO_LINGER,
	Unit: "seconds", Since: "≤2.2",
})

var lingerCodec = codec[LingerValue]{
	size: 8,
	encode: func(v LingerValue) ([]byte, error) {
		on, _ := boolean.encode(v.On)
		seconds, err := integer.encode(v.Seconds)
		return append(on, seconds...), err
	},
	decode: func(b []byte) (LingerValue, error) {
		if len(b) < 8 {
			return LingerValue{}, errShort
		}
		on, _ := boolean.decode(b)
		seconds, err := integer.decode(b[4:])
		return LingerValue{on, seconds}, err
	},
	text: LingerValue.String,
}

// Error (SO_ERROR) is the error that the connection met and that no call has
// returned yet, 0 if there is none; getting it clears it. It is how a
// non-blocking connect ends: 0 where poll reports the socket writable, or
// ECONNREFUSED, ETIMEDOUT, and so on. Where there is no hard error, the last
// soft one (an ICMP unreachable, say) is returned and cleared.
//
// socket(7); sk_getsockopt.
var Error ReadOnly[unix.Errno] = readOnly(errnoCodec, Spec{
	Name: "SO_ERROR", Level: LevelSocket, Number: unix.SO_ERROR,
	Since: "≤2.2",
})

var errnoCodec = codec[unix.Errno]{
	size: 4,
	decode: func(b []byte) (unix.Errno, error) {
		v, err := integer.decode(b)
		return unix.Errno(v), err
	},
	text: func(v unix.Errno) string {
		if v == 0 {
			return "0"
		}
		return unix.ErrnoName(v)
	},
}

// AcceptConn (SO_ACCEPTCONN) reports whether the socket listens.
//
// socket(7); sk_getsockopt.
var AcceptConn ReadOnly[bool] = readOnly(boolean, Spec{
	Name: "SO_ACCEPTCONN", Level: LevelSocket, Number: unix.SO_ACCEPTCONN,
	Since: "≤2.4",
})

// Type (SO_TYPE) is the socket's type: SOCK_STREAM for TCP.
//
// socket(7); sk_getsockopt.
var Type ReadOnly[int] = readOnly(named(map[int]string{
	unix.SOCK_STREAM: "SOCK_STREAM", unix.SOCK_DGRAM: "SOCK_DGRAM",
	unix.SOCK_RAW: "SOCK_RAW", unix.SOCK_SEQPACKET: "SOCK_SEQPACKET",
}), Spec{
	Name: "SO_TYPE", Level: LevelSocket, Number: unix.SO_TYPE,
	Since: "≤2.2",
})

// Protocol (SO_PROTOCOL) is the socket's protocol: IPPROTO_TCP, or IPPROTO_MPTCP
// for what Go's net.Listen makes by default since Go 1.24.
//
// socket(7); sk_getsockopt.
var Protocol ReadOnly[int] = readOnly(named(map[int]string{
	unix.IPPROTO_TCP: "IPPROTO_TCP", unix.IPPROTO_MPTCP: "IPPROTO_MPTCP", unix.IPPROTO_SCTP: "IPPROTO_SCTP",
	unix.IPPROTO_UDP: "IPPROTO_UDP",
}), Spec{
	Name: "SO_PROTOCOL", Level: LevelSocket, Number: unix.SO_PROTOCOL,
	Since: "2.6.32",
})

// Domain (SO_DOMAIN) is the socket's address family: AF_INET or AF_INET6.
//
// socket(7); sk_getsockopt.
var Domain ReadOnly[int] = readOnly(named(map[int]string{
	unix.AF_INET: "AF_INET", unix.AF_INET6: "AF_INET6", unix.AF_UNIX: "AF_UNIX",
}), Spec{
	Name: "SO_DOMAIN", Level: LevelSocket, Number: unix.SO_DOMAIN,
	Since: "2.6.32",
})

// Cookie (SO_COOKIE) is a number that no other socket has had since boot, the
// one that inet_diag calls idiag_cookie: it tells a socket from a later one on
// the same 4-tuple. Never 0.
//
// sk_getsockopt, sock_gen_cookie.
var Cookie ReadOnly[uint64] = readOnly(unsigned64, Spec{
	Name: "SO_COOKIE", Level: LevelSocket, Number: unix.SO_COOKIE,
	Since: "4.12",
})

// NetnsCookie (SO_NETNS_COOKIE) is a number for the network namespace that the
// socket was made in; the socket stays there wherever its process goes.
//
// sk_getsockopt.
var NetnsCookie ReadOnly[uint64] = readOnly(unsigned64, Spec{
	Name: "SO_NETNS_COOKIE", Level: LevelSocket, Number: unix.SO_NETNS_COOKIE,
	Since: "5.14",
})

// Debug (SO_DEBUG) sets a flag that TCP no longer uses. It is refused
// with EACCES, not EPERM, without the capability; turning it off is allowed.
//
// Default off. socket(7); sk_setsockopt.
var Debug Option[bool] = readWrite(boolean, Spec{
	Name: "SO_DEBUG", Level: LevelSocket, Number: unix.SO_DEBUG,
	Since: "≤2.2", Needs: "CAP_NET_ADMIN",
})
