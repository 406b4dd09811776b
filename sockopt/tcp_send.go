package sockopt

import "golang.org/x/sys/unix"

// NoDelay (TCP_NODELAY) turns Nagle's algorithm off: a segment that is not full
// is sent even while earlier data is not yet acknowledged. Setting it also
// sends what is queued now, even under [Cork], which is otherwise the stronger
// of the two.
//
// Default off; Go's net package turns it on for every connection. tcp(7);
// __tcp_sock_set_nodelay.
var NoDelay Option[bool] = readWrite(boolean, Spec{
	Name: "TCP_NODELAY", Level: LevelTCP, Number: unix.TCP_NODELAY,
	Since: "1.0",
})

// Cork (TCP_CORK) holds back every segment that is not full, until the option
// is turned off or 200 ms have passed.
//
// Default off. tcp(7); __tcp_sock_set_cork.
var Cork Option[bool] = readWrite(boolean, Spec{
	Name: "TCP_CORK", Level: LevelTCP, Number: unix.TCP_CORK,
	Since: "2.2",
})

// MaxSeg (TCP_MAXSEG) limits the size of segments, and the MSS that the
// handshake announces if it is set before. 0 takes the limit back. EINVAL
// outside of the range.
//
// What it reads depends on the state: before connect and on a listener the
// limit that was set (or 536 if none was), on a connection the size of the
// segments really sent, without TCP options, under [Repair] the peer's MSS.
// tcp(7); tcp_sock_set_maxseg, do_tcp_getsockopt.
var MaxSeg Option[int] = readWrite(integer, Spec{
	Name: "TCP_MAXSEG", Level: LevelTCP, Number: unix.TCP_MAXSEG,
	Unit: "bytes", Range: "0, 88 to 32767", Since: "1.0",
})

// NotSentLowat (TCP_NOTSENT_LOWAT) is how much unsent data makes the socket
// unwritable for poll: the program then writes as late as possible. 0 is "not
// set": the sysctl's value, which by default is no limit.
//
// Default 0. ip-sysctl; do_tcp_setsockopt, tcp_notsent_lowat.
var NotSentLowat Option[uint32] = readWrite(unsigned, Spec{
	Name: "TCP_NOTSENT_LOWAT", Level: LevelTCP, Number: unix.TCP_NOTSENT_LOWAT,
	Unit: "bytes", Since: "3.12", Sysctl: "net.ipv4.tcp_notsent_lowat",
})

// TxDelay (TCP_TX_DELAY) adds a delay to every packet sent, to try out long
// paths on a short one. The fq queueing discipline does the delaying, or else
// TCP's pacing timer. EINVAL outside of the range.
//
// Default 0. do_tcp_setsockopt, tcp_enable_tx_delay.
var TxDelay Option[int] = readWrite(integer, Spec{
	Name: "TCP_TX_DELAY", Level: LevelTCP, Number: unix.TCP_TX_DELAY,
	Unit: "µs", Range: "0 to 268435455", Since: "5.3",
})

// Congestion (TCP_CONGESTION) is the congestion control algorithm: reno, cubic,
// bbr, and so on. An algorithm that tcp_allowed_congestion_control does not
// list takes the capability (EPERM); one that the kernel does not have is
// ENOENT. This package refuses a name of more than 15 bytes with EINVAL, which
// the kernel would cut.
//
// tcp(7); tcp_set_congestion_control.
var Congestion Option[string] = readWrite(name(tcpNameMax), Spec{
	Name: "TCP_CONGESTION", Level: LevelTCP, Number: unix.TCP_CONGESTION,
	Range: "up to 15 bytes", Since: "2.6.13", Sysctl: "net.ipv4.tcp_congestion_control",
	Needs: "CAP_NET_ADMIN",
})

// tcpNameMax is TCP_CA_NAME_MAX and TCP_ULP_NAME_MAX (include/net/tcp.h), the
// closing NUL included.
const tcpNameMax = 16

// CongestionInfo (TCP_CC_INFO) is what the congestion control algorithm of
// [Congestion] reports: nothing for reno and cubic.
//
// do_tcp_getsockopt; union tcp_cc_info (linux/inet_diag.h).
var CongestionInfo ReadOnly[CCInfo] = readOnly(codec[CCInfo]{
	size:   64, // more than any algorithm fills today
	decode: func(b []byte) (CCInfo, error) { return CCInfo(b), nil },
	text:   CCInfo.String,
}, Spec{
	Name: "TCP_CC_INFO", Level: LevelTCP, Number: unix.TCP_CC_INFO,
	Since: "4.1",
})

// ULP (TCP_ULP) is the upper-layer protocol that took the socket over: "tls"
// for the kernel's TLS, "mptcp" inside of MPTCP, "" for none. It can't be
// removed or changed: EEXIST. ENOENT for one that the kernel does not have,
// ENOTCONN for tls before the handshake, EINVAL (from this package) for a name
// of more than 15 bytes.
//
// tcp_set_ulp, tls_init.
var ULP Option[string] = readWrite(name(tcpNameMax), Spec{
	Name: "TCP_ULP", Level: LevelTCP, Number: unix.TCP_ULP,
	Range: "up to 15 bytes", Since: "4.13",
})

// IsMPTCP (TCP_IS_MPTCP) reports whether Multipath TCP is in use: off for a TCP
// socket, off also for an MPTCP one that fell back to TCP.
//
// do_tcp_getsockopt; mptcp_getsockopt_sol_tcp; Documentation/networking/mptcp.rst.
var IsMPTCP ReadOnly[bool] = readOnly(boolean, Spec{
	Name: "TCP_IS_MPTCP", Level: LevelTCP, Number: tcpIsMPTCP,
	Since: "6.10",
})
