package sockopt

import "golang.org/x/sys/unix"

// KeepIdle (TCP_KEEPIDLE) is how long a connection with [KeepAlive] must be
// idle before the first probe. It takes effect at once, also on a connection
// that is idle already. EINVAL outside of the range.
//
// tcp(7); tcp_sock_set_keepidle_locked.
var KeepIdle Option[int] = readWrite(integer, Spec{
	Name: "TCP_KEEPIDLE", Level: LevelTCP, Number: unix.TCP_KEEPIDLE,
	Unit: "seconds", Range: "1 to 32767", Since: "2.4", Sysctl: "net.ipv4.tcp_keepalive_time",
})

// KeepIntvl (TCP_KEEPINTVL) is the time between keepalive probes that are not
// answered. EINVAL outside of the range.
//
// tcp(7); tcp_sock_set_keepintvl.
var KeepIntvl Option[int] = readWrite(integer, Spec{
	Name: "TCP_KEEPINTVL", Level: LevelTCP, Number: unix.TCP_KEEPINTVL,
	Unit: "seconds", Range: "1 to 32767", Since: "2.4", Sysctl: "net.ipv4.tcp_keepalive_intvl",
})

// KeepCnt (TCP_KEEPCNT) is how many keepalive probes go unanswered before the
// connection fails with ETIMEDOUT. EINVAL outside of the range.
//
// tcp(7); tcp_sock_set_keepcnt.
var KeepCnt Option[int] = readWrite(integer, Spec{
	Name: "TCP_KEEPCNT", Level: LevelTCP, Number: unix.TCP_KEEPCNT,
	Unit: "probes", Range: "1 to 127", Since: "2.4", Sysctl: "net.ipv4.tcp_keepalive_probes",
})

// SynCnt (TCP_SYNCNT) is how often connect repeats its SYN before it fails with
// ETIMEDOUT. EINVAL outside of the range; tcp(7) says 255, the kernel 127.
//
// tcp(7); tcp_sock_set_syncnt.
var SynCnt Option[int] = readWrite(integer, Spec{
	Name: "TCP_SYNCNT", Level: LevelTCP, Number: unix.TCP_SYNCNT,
	Unit: "segments", Range: "1 to 127", Since: "2.4", Sysctl: "net.ipv4.tcp_syn_retries",
})

// Linger2 (TCP_LINGER2) is how long a closed socket stays in FIN_WAIT2 without
// the peer's FIN. 0 is the sysctl's time. A negative value, which reads back as
// -1, is no time at all: the kernel resets the connection instead of waiting in
// FIN_WAIT2. More than 120 counts as 120. No value is refused.
//
// tcp(7); do_tcp_setsockopt, __tcp_close, tcp_rcv_state_process.
var Linger2 Option[int] = readWrite(integer, Spec{
	Name: "TCP_LINGER2", Level: LevelTCP, Number: unix.TCP_LINGER2,
	Unit: "seconds", Since: "2.4", Sysctl: "net.ipv4.tcp_fin_timeout",
})

// UserTimeout (TCP_USER_TIMEOUT) is how long sent data may go unacknowledged,
// or data wait for a window, before the connection fails with ETIMEDOUT; with
// [KeepAlive] it also takes the place of [KeepCnt]. 0 leaves it to
// tcp_retries2. Inherited from the listener. EINVAL for a negative value.
//
// Default 0. tcp(7); tcp_sock_set_user_timeout.
var UserTimeout Option[int] = readWrite(integer, Spec{
	Name: "TCP_USER_TIMEOUT", Level: LevelTCP, Number: unix.TCP_USER_TIMEOUT,
	Unit: "ms", Range: "0 to 2147483647", Since: "2.6.37",
})

// RTOMax (TCP_RTO_MAX_MS) is where the doubling of the retransmission timeout
// ends. Rounded up to the kernel's tick (4 ms at HZ=250). EINVAL outside of the
// range.
//
// ip-sysctl; do_tcp_setsockopt.
var RTOMax Option[int] = readWrite(integer, Spec{
	Name: "TCP_RTO_MAX_MS", Level: LevelTCP, Number: tcpRTOMaxMS,
	Unit: "ms", Range: "1000 to 120000", Since: "6.15", Sysctl: "net.ipv4.tcp_rto_max_ms",
})

// RTOMin (TCP_RTO_MIN_US) is the shortest retransmission timeout. Rounded up to
// the kernel's tick, and EINVAL if that makes less than two ticks or more than
// 200 ms. A route's rto_min is stronger.
//
// ip-sysctl; do_tcp_setsockopt.
var RTOMin Option[int] = readWrite(integer, Spec{
	Name: "TCP_RTO_MIN_US", Level: LevelTCP, Number: tcpRTOMinUS,
	Unit: "µs", Range: "more than one tick, to 200000", Since: "6.15", Sysctl: "net.ipv4.tcp_rto_min_us",
})

// DelackMax (TCP_DELACK_MAX_US) is how long an ACK may be delayed. Rounded up
// to the kernel's tick, and EINVAL if that makes less than two ticks or more
// than 200 ms.
//
// Default 200000. do_tcp_setsockopt.
var DelackMax Option[int] = readWrite(integer, Spec{
	Name: "TCP_DELACK_MAX_US", Level: LevelTCP, Number: tcpDelackMaxUS,
	Unit: "µs", Range: "more than one tick, to 200000", Since: "6.15",
})

// ThinLinearTimeouts (TCP_THIN_LINEAR_TIMEOUTS) keeps the retransmission
// timeout from doubling, six times at most, while less than four segments are
// in flight.
//
// ip-sysctl; tcp_retransmit_timer.
var ThinLinearTimeouts Option[bool] = readWrite(boolean, Spec{
	Name: "TCP_THIN_LINEAR_TIMEOUTS", Level: LevelTCP, Number: unix.TCP_THIN_LINEAR_TIMEOUTS,
	Since: "2.6.34", Sysctl: "net.ipv4.tcp_thin_linear_timeouts",
})

// ThinDupack (TCP_THIN_DUPACK) does nothing any more: the kernel takes the
// value and forgets it, and it always reads as off. It was to retransmit after
// one duplicate ACK while less than four segments were in flight.
//
// do_tcp_setsockopt, do_tcp_getsockopt.
var ThinDupack Option[bool] = readWrite(boolean, Spec{
	Name: "TCP_THIN_DUPACK", Level: LevelTCP, Number: unix.TCP_THIN_DUPACK,
	Since: "2.6.34",
})
