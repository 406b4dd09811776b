package lab

import (
	"fmt"
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// spare is how many descriptors a run needs besides its sockets: devices,
// namespaces, netlink, the standard files, the Go runtime's own.
const spare = 40

// CheckConnections refuses the number n of a flag where the sockets and
// connections that it takes are more than one run can have. Each of n takes as
// many sockets as each says. Every socket takes a descriptor, of which there are
// as many as the hard limit allows, and every connection one of the client's
// pinned ports.
func CheckConnections(flag string, n, each, sockets, connections int) error {
	limit, err := raiseDescriptors()
	if err != nil {
		return err
	}
	tooMany := max((sockets+spare-limit+each-1)/each, connections-maxConnections)
	if tooMany <= 0 {
		return nil
	}
	fit := "none fits"
	if n >= tooMany {
		fit = fmt.Sprintf("at most %d fit", n-tooMany)
	}
	return Refuse(flag, strconv.Itoa(n), fmt.Sprintf(
		"%s (ulimit -n allows %d descriptors, and there are %d client ports)", fit, limit, maxConnections))
}

// enoughDescriptors tells a limit that leaves no room for any run. With a few
// less the Go runtime itself would give up in the middle of one.
func enoughDescriptors() error {
	limit, err := raiseDescriptors()
	if err != nil || limit >= spare {
		return err
	}
	return &MissingError{
		fmt.Sprintf("a run needs %d descriptors", spare), "ulimit -n 1024", fmt.Errorf("ulimit -n allows %d", limit),
	}
}

// raiseDescriptors raises the soft limit on open descriptors to the hard one
// and returns it.
func raiseDescriptors() (int, error) {
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
