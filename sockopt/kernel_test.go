package sockopt

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// skipOrFail ends a test for the lack of what, except where the environment
// promised that nothing lacks.
func skipOrFail(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("TCPLAB_REQUIRE_PRIV") == "1" {
		t.Fatalf("%s is missing, and TCPLAB_REQUIRE_PRIV=1", what)
	}
	t.Skipf("%s is missing", what)
}

// needCap skips a test without the capability in the initial user namespace.
func needCap(t testing.TB, bit int, name string) {
	t.Helper()
	if !initialUserNamespace() || !hasCap(bit) {
		skipOrFail(t, name+" in the initial user namespace")
	}
}

func hasCap(bit int) bool {
	var data [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[bit/32].Effective&(1<<(bit%32)) != 0
}

// initialUserNamespace: all user ids are mapped in the initial one alone.
func initialUserNamespace() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(b)), " ") == "0 0 4294967295"
}

// onThread runs f on a thread of its own, which ends with it: f may change what
// belongs to the thread, and nothing else will ever run there.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked
		f()
	}()
	<-done
}

// sandbox is the network namespace that the tests' sockets are made in, so that
// they find default sysctls and leave no trace on the host (the first use of
// TCP_FASTOPEN makes a namespace-wide key). Without the privilege to have one
// it is nil, and the sockets are the host's.
var sandbox = sync.OnceValue(func() *os.File {
	var ns *os.File
	onThread(func() {
		if unix.Unshare(unix.CLONE_NEWNET) != nil {
			return
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err != nil {
			return
		}
		defer unix.Close(fd)
		lo, _ := unix.NewIfreq("lo")
		lo.SetUint16(unix.IFF_UP)
		if unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo) == nil {
			ns, _ = os.Open("/proc/thread-self/ns/net")
		}
	})
	return ns
})

func inSandbox(f func()) {
	ns := sandbox()
	if ns == nil {
		f()
		return
	}
	onThread(func() {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err == nil {
			f()
		}
	})
}

// tcpSocket makes a TCP socket in the sandbox.
func tcpSocket(t testing.TB, family int) int {
	t.Helper()
	fd, err := -1, error(unix.EINVAL)
	inSandbox(func() { fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP) })
	if errors.Is(err, unix.EAFNOSUPPORT) {
		t.Skip("IPv6 is missing")
	}
	if err != nil {
		t.Fatal(os.NewSyscallError("socket", err))
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// listener listens on a free port of the loopback interface. The prepare
// functions see the socket before that.
func listener(t testing.TB, prepare ...func(fd int)) (fd int, addr *unix.SockaddrInet4) {
	t.Helper()
	fd = tcpSocket(t, unix.AF_INET)
	for _, f := range prepare {
		f(fd)
	}
	must(t, "bind", unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, "listen", unix.Listen(fd, 8))
	sa, err := unix.Getsockname(fd)
	must(t, "getsockname", err)
	return fd, sa.(*unix.SockaddrInet4)
}

// connection is both ends of one connection over loopback.
func connection(t testing.TB, prepare ...func(listener int)) (client, server int) {
	t.Helper()
	l, addr := listener(t, prepare...)
	client = tcpSocket(t, unix.AF_INET)
	must(t, "connect", unix.Connect(client, addr))
	server, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
	must(t, "accept", err)
	t.Cleanup(func() { unix.Close(server) })
	return client, server
}

// closeNow closes a socket before its test ends. The descriptor stays, as
// another file, for t.Cleanup to close.
func closeNow(t testing.TB, fd int) {
	t.Helper()
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(t, "open", err)
	must(t, "dup3", unix.Dup3(null, fd, unix.O_CLOEXEC))
	must(t, "close", unix.Close(null))
}

func must(t testing.TB, call string, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(os.NewSyscallError(call, err))
	}
}

func get[T any](t testing.TB, fd int, o Readable[T]) T {
	t.Helper()
	v, err := Get(fd, o)
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func set[T any](t testing.TB, fd int, o Settable[T], v T) {
	t.Helper()
	err := Set(fd, o, v)
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
}

func skipUnsupported(t testing.TB, err error) {
	t.Helper()
	if err != nil && StatusOf(err) == Unsupported {
		t.Skipf("this kernel: %v", err)
	}
}

// sysctl reads the sandbox's value.
func sysctl(t testing.TB, name string) int {
	t.Helper()
	v, err := 0, error(unix.EINVAL)
	inSandbox(func() { v, err = integerFile(sysctlPath(name)) })
	must(t, name, err)
	return v
}

func integerFile(path string) (int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

func sysctlPath(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }

// tick is the kernel's: 1/HZ.
func tick(t testing.TB) time.Duration {
	t.Helper()
	var ts unix.Timespec
	must(t, "clock_getres", unix.ClockGetres(unix.CLOCK_MONOTONIC_COARSE, &ts))
	return time.Duration(ts.Nano())
}

func roundUp(v, to time.Duration) time.Duration { return (v + to - 1) / to * to }
