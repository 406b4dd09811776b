package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/machine"
)

// mounts are the file systems that a machine has which has nothing else. tracefs is
// mounted by those who use it.
var mounts = []struct {
	kind, at string
	optional bool
}{
	{"proc", "/proc", false},
	{"sysfs", "/sys", false},
	{"devtmpfs", "/dev", true}, // the kernel may have mounted it
	{"tracefs", "/sys/kernel/tracing", true},
}

// descriptors is how many a command may have open: the kernel gives its first process
// 1024, and 4096 if it asks for them.
const descriptors = 1 << 20

// young is how long after its start a kernel does not know the time well: it counts
// seconds, and takes a timestamp of its first one for none (tw_ts_recent_stamp in
// tcp_timewait_state_process).
const young = 2 * time.Second

// makeSystem mounts the file systems and loads the modules.
func makeSystem() error {
	for _, m := range mounts {
		_ = os.MkdirAll(m.at, 0o755) // the mount tells what is wrong
		err := unix.Mount(m.kind, m.at, m.kind, 0, "")
		if err != nil && !errors.Is(err, unix.EBUSY) && !m.optional {
			return fmt.Errorf("mount %s on %s: %w", m.kind, m.at, err)
		}
	}
	limit := unix.Rlimit{Cur: descriptors, Max: descriptors}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("setrlimit", err)
	}
	if err := loadModules(); err != nil {
		return err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return os.NewSyscallError("clock_gettime", err)
	}
	time.Sleep(young - time.Duration(now.Nano()))
	return nil
}

// loadModules loads the wanted modules from where they are on any machine.
func loadModules() error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return os.NewSyscallError("uname", err)
	}
	release := unix.ByteSliceToString(u.Release[:])
	found, err := firstOf([]string{filepath.Join(modulesPath, release), filepath.Join("/usr/lib/modules", release)})
	if err != nil {
		return err
	}
	for _, m := range found {
		if err := unix.InitModule(m.Body, ""); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("module %s: %w", m.base(), os.NewSyscallError("init_module", err))
		}
	}
	return nil
}

// lacks says what labs need and this kernel does not have, and which option gives it.
func lacks() []string {
	var all []string
	for _, f := range machine.Doctor(nil) {
		option := map[string]string{
			"network namespace": "CONFIG_NET_NS",
			"/dev/net/tun":      "CONFIG_TUN",
			"inet_diag":         "CONFIG_INET_DIAG and CONFIG_INET_TCP_DIAG",
		}[f.What]
		if option != "" && !f.OK {
			all = append(all, fmt.Sprintf("no %s in this kernel (%s, as modules or built in): %s", f.What, option, f.Found))
		}
	}
	return all
}
