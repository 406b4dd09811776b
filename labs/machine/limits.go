package machine

import (
	"fmt"
	"math"
	"os"

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
	return &MissingError{
		fmt.Sprintf("a run needs %d descriptors", Spare), "ulimit -n 1024", fmt.Errorf("ulimit -n allows %d", limit),
	}
}

// Descriptors raises the soft limit on open descriptors to the hard one, and
// returns it.
func Descriptors() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, os.NewSyscallError("setrlimit", err)
	}
	return int(min(limit.Max, math.MaxInt32)), nil
}
