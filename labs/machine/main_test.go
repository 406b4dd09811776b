package machine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/machine"
)

func TestMain(m *testing.M) {
	switch change, told := os.Getenv(changed), os.Getenv(tells); {
	case told != "":
		os.Exit(tell())
	case change != "":
		os.Exit(become(change))
	}
	os.Exit(need.Main(m))
}

// A test that is about a machine that lacks something is this program once more, in
// a user namespace, which changes what it sees of the machine and then starts itself
// anew: a capability and a limit are a process's from its start on.
const (
	changed = "MACHINE_TEST_CHANGE" // the change
	tells   = "MACHINE_TEST_TELLS"  // set: the changes are made
)

// changes are what a process in a user and mount namespace of its own does to what
// it sees of the machine.
var changes = map[string]func() error{
	"nothing":        func() error { return nil },
	"no node":        func() error { return over("/dev/net") },
	"closed node":    func() error { return errors.Join(node(0), without(unix.CAP_DAC_OVERRIDE)) },
	"another node":   func() error { return node(0o600) },
	"no namespaces":  func() error { return os.WriteFile("/proc/sys/user/max_net_namespaces", []byte("0"), 0) },
	"one namespace":  func() error { return os.WriteFile("/proc/sys/user/max_net_namespaces", []byte("1"), 0) },
	"no admin":       func() error { return without(unix.CAP_SYS_ADMIN) },
	"no net admin":   func() error { return without(unix.CAP_NET_ADMIN) },
	"descriptors":    func() error { return limit(39) },
	"sysctls hidden": func() error { return over("/proc/sys") },
	"sysctls masked": func() error { return readOnly("/proc/sys") },
}

// over hides a folder behind an empty one.
func over(dir string) error {
	return os.NewSyscallError("mount "+dir, unix.Mount("tcplab-test", dir, "tmpfs", 0, "mode=0755"))
}

// node puts a file that is no device in the place of /dev/net/tun. (In a user
// namespace nobody makes devices.)
func node(mode os.FileMode) error {
	if err := over("/dev/net"); err != nil {
		return err
	}
	return os.WriteFile("/dev/net/tun", nil, mode)
}

func readOnly(dir string) error {
	if err := unix.Mount(dir, dir, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return os.NewSyscallError("mount "+dir, err)
	}
	var s unix.Statfs_t // flags that a mount of the outer user's has must stay
	if err := unix.Statfs(dir, &s); err != nil {
		return os.NewSyscallError("statfs", err)
	}
	const kept = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC // the same numbers in both
	flags := uintptr(s.Flags)&kept | unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY
	return os.NewSyscallError("remount "+dir, unix.Mount("", dir, "", flags, ""))
}

// without takes a capability from the calling thread and from what it executes.
func without(capability uintptr) error {
	return os.NewSyscallError("prctl PR_CAPBSET_DROP", unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0))
}

func limit(descriptors uint64) error {
	return os.NewSyscallError("setrlimit", syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: descriptors, Max: descriptors}))
}

// become makes a change and executes this program anew, which returns only where
// that fails.
func become(change string) int {
	runtime.LockOSThread()
	err := changes[change]()
	if err == nil {
		err = unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), tells+"=1"))
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// An answer is what package machine says of a machine.
type answer struct {
	Privileged  bool
	Findings    []machine.Finding
	Descriptors refusal
	Namespace   refusal
	Connection4 refusal
	Connection6 refusal
}

// A refusal is an error, and what it is where it is a *MissingError.
type refusal struct{ Error, What, Mend string }

func refused(err error) (r refusal) {
	var m *machine.MissingError
	if err != nil {
		r.Error = err.Error()
	}
	if errors.As(err, &m) {
		r.What, r.Mend = m.What, m.Mend
	}
	return r
}

// tell writes the answer to stdout.
func tell() int {
	connect := func(ipv6 bool) refusal {
		return refused(machine.InConnection(context.Background(), ipv6, func(int) error { return nil }))
	}
	err := json.NewEncoder(os.Stdout).Encode(answer{
		machine.Privileged(), machine.Doctor([]string{"net.core.somaxconn"}), refused(machine.EnoughDescriptors()),
		refused(machine.InNamespace(func() {})), connect(false), connect(true),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// with asks package machine about this machine with a change.
func with(t *testing.T, change string) (a answer) {
	t.Helper()
	runtime.LockOSThread() // see machine.AsRoot
	defer runtime.UnlockOSThread()
	cmd := machine.AsRoot()
	cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWNS
	cmd.Env = append(cmd.Env, changed+"="+change)
	cmd.Stdout, cmd.Stderr = nil, nil
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%v: %s", err, exit.Stderr)
	}
	if err != nil {
		labtest.SkipIfMissing(t, machine.MissingNamespaces(err))
	}
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return a
}

// found returns what doctor says of a thing, which must be there once.
func (a answer) found(t *testing.T, what string) (f machine.Finding) {
	t.Helper()
	n := 0
	for _, each := range a.Findings {
		if each.What == what {
			f = each
			n++
		}
	}
	if n != 1 {
		t.Errorf("doctor says %d times something of %s: %+v", n, what, a.Findings)
	}
	return f
}
