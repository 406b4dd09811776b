package free

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
	"github.com/tcplab/tcplab/labs/machine"
)

// roomForBursts is the receive buffer of Options.Fast. The pinned one of 128 kB has room
// for little more than one burst: the sender would wait until each has been read, and
// carry a third. One that is much larger than a processor's cache makes it slower again.
var roomForBursts = Sysctl{Key: "net.ipv4.tcp_rmem", Value: "4096 1048576 6291456"}

// configure sets a host's sysctls, and brings up its loopback interface: programs
// expect one.
func (r *run) configure(h *stack.Host) error {
	values := r.sysctls[h.Name]
	set := h.Pin
	if r.o.HostSysctls {
		set = func(values map[string]string) error { return h.Adopt(r.own, values) }
	}
	if err := set(values); err != nil {
		return err
	}
	settings := r.o.Sysctls
	if r.o.Fast && !r.o.HostSysctls {
		settings = append([]Sysctl{roomForBursts}, settings...)
	}
	for _, s := range settings {
		if s.Side != "" && s.Side != h.Name {
			continue
		}
		now, err := sysctl.Set(s.Key, s.Value)
		if err != nil {
			return refused(s, err)
		}
		values[s.Key] = now
	}
	return h.Wrap(h.LoopbackUp())
}

func refused(s Sysctl, err error) error {
	name := s.Key
	if s.Side != "" {
		name = s.Side + ":" + name
	}
	text := fmt.Sprintf("--sysctl %s=%s: %v", name, s.Value, err)
	switch {
	case errors.Is(err, sysctl.ErrUnknown), errors.Is(err, sysctl.ErrReadOnly):
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPERM):
		text = fmt.Sprintf("--sysctl %s=%s: the kernel refuses it: want %s", name, s.Value, sysctl.Allowed(s.Key))
	}
	return &UsageError{text}
}

// refusal is why the hosts could not be made.
func (r *run) refusal(err error) error {
	var wrong *UsageError
	var no *stack.RefusedError
	switch {
	case errors.As(err, &wrong):
		return wrong
	case errors.As(err, &no):
		return &UsageError{fmt.Sprintf("--host-sysctls: %v; give another with --sysctl", no)}
	}
	return machine.Missing(err)
}
