package tun

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Health reports whether the interface name in the calling thread's network
// namespace is up, and how many packets it has thrown away instead of having
// them read.
func Health(name string) (up bool, dropped int, err error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return false, 0, err
	}
	// Any socket leads to the interfaces of its namespace.
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return false, 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifr); err != nil {
		return false, 0, os.NewSyscallError("ioctl SIOCGIFFLAGS", err)
	}
	dropped, err = droppedBy(name)
	return ifr.Uint16()&unix.IFF_UP != 0, dropped, err
}

// droppedBy reads the packets that an interface has dropped on the way out:
// proc_pid_net(5), dev. Eight numbers about receiving come first, then those
// about sending.
func droppedBy(name string) (int, error) {
	const file, drop = "/proc/thread-self/net/dev", 8 + 3
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		interfaceName, numbers, _ := strings.Cut(line, ":")
		if fields := strings.Fields(numbers); strings.TrimSpace(interfaceName) == name && len(fields) > drop {
			return strconv.Atoi(fields[drop])
		}
	}
	return 0, fmt.Errorf("%s: no line for %s", file, name)
}
