package machine

import (
	"slices"

	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
)

// SysctlKeys are the names of TCP's sysctls on this machine, of the pinned ones, and
// more.
func SysctlKeys(more []string) []string {
	for _, p := range stack.Pinned {
		more = append(more, p.Key)
	}
	own, err := stack.Own(more)
	if err != nil {
		return nil
	}
	var keys []string
	for _, s := range own {
		keys = append(keys, s.Key)
	}
	return keys
}

// SysctlOf is the value that this machine has of a sysctl, and the one that it is
// pinned to; empty where there is none.
func SysctlOf(key string) (now, pinned string) {
	now, err := sysctl.Read(key)
	if err != nil {
		now = ""
	}
	if i := slices.IndexFunc(stack.Pinned, func(p stack.Setting) bool { return p.Key == key }); i >= 0 {
		pinned = stack.Pinned[i].Value
	}
	return now, pinned
}

// CongestionControls lists what tcp_congestion_control can be, if that is the key.
func CongestionControls(key string) string {
	if key != "net.ipv4.tcp_congestion_control" {
		return ""
	}
	list, err := sysctl.Read("net.ipv4.tcp_allowed_congestion_control")
	if err != nil {
		return ""
	}
	return list
}
