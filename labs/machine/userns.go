package machine

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideUserns marks a program that AsRoot has started, so that one that has no
// privileges there does not start another.
const insideUserns = "TCPLAB_INSIDE_USERNS"

// InsideUserns reports whether AsRoot has started this program.
func InsideUserns() bool { return os.Getenv(insideUserns) != "" }

// Privileged reports whether this process may make network namespaces and
// configure them, or is as privileged as it can get.
func Privileged() bool {
	if InsideUserns() {
		return true
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return false
	}
	const needed = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN
	return data[0].Effective&needed == needed
}

// AsRoot returns a command that runs this same program again as the root of a new
// user namespace: a thread of a process with several can't enter one, so it takes
// a process of its own. Neither outlives the other. So the goroutine that starts
// the command must be locked to its thread until the command has ended: the end of
// that thread is the end of the command (prctl(2), PR_SET_PDEATHSIG).
func AsRoot(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideUserns+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	return cmd
}
