package lab

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// spare is how many descriptors a run needs besides its sockets: devices,
// namespaces, netlink, the standard files, the Go runtime's own.
const spare = 40

// Descriptors returns how many sockets this process can open: the hard limit,
// less what else a run needs. The soft limit is raised to it where need be.
func Descriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 - spare // the least that any system gives
	}
	return int(min(limit.Max, 1<<30)) - spare
}

// CheckDescriptors refuses the number n of a flag where the sockets that it
// takes are more than this process can open.
func CheckDescriptors(flag string, n, sockets int) error {
	fit := Descriptors()
	if sockets <= fit {
		return nil
	}
	return Refuse(flag, strconv.Itoa(n), fmt.Sprintf(
		"each connection takes a descriptor, and ulimit -n allows %d; at most %d fit", fit+spare, n-(sockets-fit)))
}

// raiseDescriptors raises the soft limit on open descriptors to the hard one.
// (The Go runtime does so at start, and takes it back for child processes.)
func raiseDescriptors() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Cur == limit.Max {
		return nil
	}
	limit.Cur = limit.Max
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}
