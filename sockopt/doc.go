// Package sockopt holds every Linux socket option that matters to TCP, each as
// one typed value.
//
//	err := sockopt.Set(fd, sockopt.KeepIdle, 30)
//	idle, err := sockopt.Get(fd, sockopt.KeepIdle) // an int, in seconds
//
// [Get] and [Set] take a file descriptor, [GetRaw] and [SetRaw] a
// [syscall.RawConn] (what net.Dialer.Control and net.ListenConfig.Control
// receive), [GetConn] and [SetConn] a [syscall.Conn] (a *net.TCPConn, a
// *net.TCPListener, an *os.File). A value of the wrong Go type does not
// compile, nor does setting a [ReadOnly] option or getting a [SetOnly] one.
//
// # Names
//
// TCP_ and SO_ options have their kernel name without prefix: TCP_NODELAY is
// [NoDelay], SO_LINGER is [Linger]. IP_ and IPV6_ options keep theirs: [IPTTL],
// [IPv6V6Only]. Only TCP_TIMESTAMP and SO_TIMESTAMP would collide: they are
// [TCPTimestamp] and [SOTimestamp].
//
// An IPv6 socket has the IP_ options too, for its IPv4-mapped connections. On
// an IPv4 socket the IPV6_ ones are unsupported.
//
// [All] lists the options for programs that show them, with the text of the
// comments below; [Find] looks one up by the kernel's name.
//
// # Values
//
// A number is the kernel's number, in the unit that [Spec] names, so that it
// is what strace, ss and the manual pages show. What the kernel made of it
// (rounded to a tick, doubled, cut to a limit) is seen by getting it again;
// the comment of each option says what to expect.
//
// # Errors
//
// An error names the option as the kernel does, wraps an [os.SyscallError]
// and through it the errno:
//
//	TCP_MAXSEG=70000: setsockopt: invalid argument
//
// [StatusOf] tells a kernel that has no such option from one that refuses it.
//
// # Sources
//
// The comments cite the manual pages tcp(7), ip(7), ipv6(7) and socket(7), and
// kernel functions as of Linux 6.18: do_tcp_setsockopt and do_tcp_getsockopt
// (net/ipv4/tcp.c), sk_setsockopt and sk_getsockopt (net/core/sock.c),
// do_ip_setsockopt (net/ipv4/ip_sockglue.c) and do_ipv6_setsockopt
// (net/ipv6/ipv6_sockglue.c). "ip-sysctl" is the kernel's
// Documentation/networking/ip-sysctl.rst. A range given for 6.18 can have been
// another one in an older kernel.
package sockopt
