package free

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
	"github.com/tcplab/tcplab/labs/machine"
)

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
	for _, s := range r.o.Sysctls {
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
