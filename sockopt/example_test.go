package sockopt_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/sockopt"
)

func socket() int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		panic(err)
	}
	return fd
}

func ExampleGet() {
	fd := socket()
	defer unix.Close(fd)
	state, err := sockopt.Get(fd, sockopt.Info)
	fmt.Println(state.State, err)
	// Output: CLOSE <nil>
}

func ExampleSet() {
	fd := socket()
	defer unix.Close(fd)
	// The kernel keeps a number of retransmissions, and so rounds up.
	if err := sockopt.Set(fd, sockopt.DeferAccept, 5); err != nil {
		fmt.Println(err)
	}
	seconds, err := sockopt.Get(fd, sockopt.DeferAccept)
	fmt.Println(seconds, err)
	// Output: 7 <nil>
}

func ExampleSet_error() {
	fd := socket()
	defer unix.Close(fd)
	err := sockopt.Set(fd, sockopt.MaxSeg, 70000)
	fmt.Println(err)
	fmt.Println(errors.Is(err, unix.EINVAL))
	// Output:
	// TCP_MAXSEG=70000: setsockopt: invalid argument
	// true
}

func ExampleSet_linger() {
	fd := socket()
	defer unix.Close(fd)
	// close sends RST, and leaves no TIME_WAIT.
	err := sockopt.Set(fd, sockopt.Linger, sockopt.LingerValue{On: true, Seconds: 0})
	fmt.Println(err)
	// Output: <nil>
}

// An option that has to be set before bind, on a listener of package net.
func ExampleSetRaw() {
	lc := net.ListenConfig{
		Control: func(_, _ string, c syscall.RawConn) error {
			return sockopt.SetRaw(c, sockopt.ReusePort, true)
		},
	}
	first, err := lc.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer first.Close()
	second, err := lc.Listen(context.Background(), "tcp4", first.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer second.Close()
	fmt.Println("two listeners on one port")
	// Output: two listeners on one port
}

func ExampleGetConn() {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	listening, err := sockopt.GetConn(l, sockopt.AcceptConn)
	fmt.Println(listening, err)
	// Output: true <nil>
}

// A field that the kernel did not return is not a zero.
func ExampleTCPInfo_Has() {
	answer := make([]byte, 232) // of Linux 5.4
	info := sockopt.ParseTCPInfo(answer)
	fmt.Println(info.Has("snd_wnd"), info.Has("rcv_wnd"))
	// Output: true false
}

func ExampleStatusOf() {
	fd := socket()
	defer unix.Close(fd)
	for _, name := range []string{"TCP_NODELAY", "IP_MTU", "IPV6_V6ONLY"} {
		_, err := sockopt.Find(name)[0].Text(fd)
		fmt.Println(name, sockopt.StatusOf(err))
	}
	// Output:
	// TCP_NODELAY supported
	// IP_MTU refused
	// IPV6_V6ONLY unsupported
}

func ExampleEntry_Summary() {
	e := sockopt.Find("keepidle")[0]
	fmt.Printf("%s (sockopt.%s, %s): %s, %s\n", e.Name, e.Ident(), e.Type, e.Range, e.Unit)
	fmt.Println(e.Summary())
	fmt.Println("default:", e.Sysctl)
	// Output:
	// TCP_KEEPIDLE (sockopt.KeepIdle, int): 1 to 32767, seconds
	// is how long a connection with SO_KEEPALIVE must be idle before the first probe.
	// default: net.ipv4.tcp_keepalive_time
}
