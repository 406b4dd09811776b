package machine

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Spare is how many descriptors a run needs besides its sockets: devices,
// namespaces, netlink, the standard files, the Go runtime's own.
const Spare = 40

// EnoughDescriptors returns a *MissingError where the limit on descriptors leaves
// no room for any run. With a few less the Go runtime itself would give up in the
// middle of one.
func EnoughDescriptors() error {
	limit, err := Descriptors()
	if err != nil || limit >= Spare {
		return err
	}
	return MissingDescriptors(Spare, limit)
}

// MissingDescriptors is the error for a limit on descriptors that is too low.
func MissingDescriptors(needed, limit int) error {
	return &MissingError{
		fmt.Sprintf("a run needs %d descriptors", needed), fmt.Sprintf("ulimit -n %d", max(1024, needed)), fmt.Errorf("ulimit -n allows %d", limit),
	}
}

// Descriptors raises the soft limit on open descriptors to the hard one, and
// returns it.
func Descriptors() (int, error) { return raise(unix.RLIMIT_NOFILE) }

// EnoughThreads returns a *MissingError where the limit on the user's processes and
// threads leaves no room for that many runs side by side: the Go runtime ends the
// program where it can't have one more.
func EnoughThreads(runs int) error {
	limit, err := raise(unix.RLIMIT_NPROC)
	// Measured on two processors, as an ordinary user: 18 for a run (two processes,
	// each with some threads and one for each processor), and two for each other one.
	needed := 28 + 2*runtime.NumCPU() + 3*(runs-1)
	if err != nil || limit >= needed || unlimited() {
		return err
	}
	what, mend := "a run needs", fmt.Sprintf("ulimit -u %d", max(1024, needed))
	if runs > 1 {
		what, mend = fmt.Sprintf("%d runs side by side need", runs), mend+", or --jobs 1"
	}
	return &MissingError{
		fmt.Sprintf("%s %d processes and threads", what, needed), mend, fmt.Errorf("ulimit -u allows %d", limit),
	}
}

// unlimited reports whether the kernel lets this process exceed RLIMIT_NPROC: it is
// root's, or has privileges, outside of a user namespace (kernel/fork.c:
// copy_process).
func unlimited() bool {
	of, err := os.ReadFile("/proc/self/uid_map")
	first := strings.Fields(string(of))
	return err == nil && len(first) >= 3 && first[0] == "0" && first[1] == "0" && (os.Getuid() == 0 || Privileged())
}

// raise raises a soft limit to the hard one, and returns it.
func raise(resource int) (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(resource, &limit); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(resource, &limit); err != nil {
		return 0, os.NewSyscallError("setrlimit", err)
	}
	return int(min(limit.Max, math.MaxInt32)), nil
}
