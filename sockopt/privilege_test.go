package sockopt

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// guarded is a setting that takes a privilege, and the errno of the lack of it.
type guarded struct {
	name  string
	set   func(fd int) error
	errno unix.Errno
	// global: root of a user namespace of its own, as in a container, is not
	// enough: the capability counts in the initial one.
	global bool
}

func guard[T any](o Settable[T], v T, errno unix.Errno, global bool) guarded {
	spec, c := o.settable()
	return guarded{spec.Name + "=" + c.text(v), func(fd int) error { return Set(fd, o, v) }, errno, global}
}

var guardeds = []guarded{
	guard(Debug, true, unix.EACCES, true),
	guard(Priority, 7, unix.EPERM, false),
	guard(Priority, -1, unix.EPERM, false),
	guard(Mark, 1, unix.EPERM, false),
	guard(RcvBufForce, 1<<20, unix.EPERM, true),
	guard(SndBufForce, 1<<20, unix.EPERM, true),
	guard(PreferBusyPoll, true, unix.EPERM, true),
	guard(BusyPollBudget, 64, unix.EPERM, true),
	guard(Repair, RepairOn, unix.EPERM, false),
	guard(IPTransparent, true, unix.EPERM, false),
	guard(IPv6Transparent, true, unix.EPERM, false),
}

// unguarded is allowed to everyone, though an option near to it is not.
var unguarded = []guarded{
	guard(Debug, false, 0, false),
	guard(Priority, 6, 0, false),
	guard(PreferBusyPoll, false, 0, false),
	guard(BusyPoll, 50, 0, false), // socket(7): raising it takes CAP_NET_ADMIN
	guard(IPTransparent, false, 0, false),
	guard(BindToDevice, "lo", 0, false), // the first time
}

func TestWithPrivilege(t *testing.T) {
	needCap(t, unix.CAP_NET_ADMIN, "CAP_NET_ADMIN")
	for _, g := range guardeds {
		if err := g.set(tcpSocket(t, unix.AF_INET6)); err != nil && StatusOf(err) != Unsupported {
			t.Error(err)
		}
	}
	fd := tcpSocket(t, unix.AF_INET)
	limit := hostSysctl(t, "net.core.rmem_max")
	set(t, fd, RcvBufForce, limit+1)
	if got := get(t, fd, RcvBuf); got != 2*(limit+1) {
		t.Errorf("SO_RCVBUFFORCE=%d reads %d", limit+1, got)
	}
	limit = hostSysctl(t, "net.core.wmem_max")
	set(t, fd, SndBufForce, limit+1)
	if got := get(t, fd, SndBuf); got != 2*(limit+1) {
		t.Errorf("SO_SNDBUFFORCE=%d reads %d", limit+1, got)
	}
}

// On a thread that has become nobody's: a thread of the test's own, which ends
// so.
func TestWithoutPrivilege(t *testing.T) {
	check := func(g guarded, fd int) error {
		err := g.set(fd)
		switch {
		case StatusOf(err) == Unsupported:
			return nil
		case g.errno == 0 && err != nil:
			return err
		case g.errno != 0 && !errors.Is(err, g.errno):
			return fmt.Errorf("%s: got %v, want %s", g.name, err, unix.ErrnoName(g.errno))
		case g.errno != 0 && err.Error() != g.name+": setsockopt: "+g.errno.Error():
			return fmt.Errorf("unreadable: %w", err)
		}
		return nil
	}
	all := append(append([]guarded(nil), guardeds...), unguarded...)
	var fds []int
	for range all {
		fds = append(fds, tcpSocket(t, unix.AF_INET6))
	}
	var errs []error
	onThread(func() {
		if err := dropPrivilege(); err != nil {
			errs = append(errs, err)
			return
		}
		for i, g := range all {
			errs = append(errs, check(g, fds[i]))
		}
		// Tied once, the socket is not to be tied elsewhere.
		tied := fds[len(fds)-1]
		if err := Set(tied, BindToDevice, ""); !errors.Is(err, unix.EPERM) {
			errs = append(errs, fmt.Errorf("SO_BINDTODEVICE a second time: got %v, want EPERM", err))
		}
		if err := Set(tied, BindToIfindex, 0); !errors.Is(err, unix.EPERM) {
			errs = append(errs, fmt.Errorf("SO_BINDTOIFINDEX a second time: got %v, want EPERM", err))
		}
	})
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

// dropPrivilege takes another user id, and with it all capabilities, on the
// calling thread alone: the plain system calls don't tell the other threads, as
// package syscall's do. Whoever is no root has nothing to drop.
func dropPrivilege() error {
	const nobody = 65534
	if os.Geteuid() != 0 {
		return nil
	}
	// A user namespace may have no other id; its root without capabilities has
	// no privilege either.
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 && errno != unix.EINVAL {
		return os.NewSyscallError("setresuid", errno)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return os.NewSyscallError("capset", err)
	}
	if hasCap(unix.CAP_NET_ADMIN) || hasCap(unix.CAP_NET_RAW) {
		return errors.New("capabilities outlived the change of user")
	}
	return nil
}

// congestion control is judged by the algorithm's flag.
func TestRestrictedCongestionControl(t *testing.T) {
	available := algorithms(t, "net.ipv4.tcp_available_congestion_control")
	allowed := algorithms(t, "net.ipv4.tcp_allowed_congestion_control")
	fd := tcpSocket(t, unix.AF_INET)
	set(t, fd, Congestion, "reno")
	for name := range available {
		if allowed[name] {
			continue
		}
		var err error
		onThread(func() {
			if err = dropPrivilege(); err == nil {
				err = Set(fd, Congestion, name)
			}
		})
		if !errors.Is(err, unix.EPERM) {
			t.Errorf("%s, which is not allowed: got %v, want EPERM", name, err)
		}
		if hasCap(unix.CAP_NET_ADMIN) && initialUserNamespace() {
			set(t, fd, Congestion, name)
			if got := get(t, fd, Congestion); got != name {
				t.Errorf("TCP_CONGESTION=%s reads %s", name, got)
			}
		}
		return
	}
	t.Skip("all available algorithms are allowed to everyone")
}

func algorithms(t *testing.T, name string) map[string]bool {
	t.Helper()
	b, err := []byte(nil), error(unix.EINVAL)
	inSandbox(func() { b, err = os.ReadFile(sysctlPath(name)) })
	must(t, name, err)
	set := map[string]bool{}
	for _, a := range strings.Fields(string(b)) {
		set[a] = true
	}
	return set
}

// Root of a user namespace: the test starts itself again in one, for a process
// of many threads can't enter it.
func TestInUserNamespace(t *testing.T) {
	const inside = "TCPLAB_SOCKOPT_IN_USER_NAMESPACE"
	if os.Getenv(inside) == "1" {
		for _, g := range guardeds {
			fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			must(t, "socket", err)
			err = g.set(fd)
			unix.Close(fd)
			if denied := errors.Is(err, g.errno); StatusOf(err) != Unsupported && denied != g.global {
				t.Errorf("%s: got %v; needs the initial user namespace: %t", g.name, err, g.global)
			}
		}
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestInUserNamespace$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		skipOrFail(t, fmt.Sprintf("a user namespace (%v)", err))
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestInUserNamespace") {
		t.Errorf("%v\n%s", err, out)
	}
}
