package lab

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/record"
)

// Destroy ends the socket from outside, as ss -K does: SOCK_DESTROY of sock_diag(7).
// The outcome is OK or the name of an errno: EPERM without CAP_NET_ADMIN, ENOTSUP
// where the kernel was built without it.
func (e *End) Destroy() (outcome string) {
	r, h := e.run, e.rig.Host
	for name, s := range r.script.socks {
		if s.End == e {
			r.beforeCall(name, "destroy")
		}
	}
	if state := e.State(); state == record.Close || state == "none" {
		return unix.ErrnoName(unix.ENOENT) // asked for it, the kernel would find, and end, its listener
	}
	r.must(h.Act("SOCK_DESTROY"))
	err := h.Destroy(e.rig.Local, e.rig.Remote)
	c := &record.Call{Host: h.Name, Call: "SOCK_DESTROY", Args: []string{e.rig.Local.String()}, Result: "0"}
	if e.rig.Remote.IsValid() {
		c.Args = append(c.Args, e.rig.Remote.String())
	}
	errno, isErrno := err.(unix.Errno)
	if isErrno {
		c.Result, c.Errno = "-1", unix.ErrnoName(errno)
	}
	r.add(c)
	if err != nil && errno != unix.EPERM && errno != unix.EOPNOTSUPP && errno != unix.ENOENT {
		r.must(h.Wrap(err))
	}
	r.must(h.Acted(e.rig))
	if isErrno {
		return c.Errno
	}
	return OK
}

// WithoutNetAdmin tells a part of the story without the capability CAP_NET_ADMIN.
func (s *Script) WithoutNetAdmin(part func()) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	s.run.must(os.NewSyscallError("capget", unix.Capget(&header, &had[0])))
	without := had
	without[0].Effective &^= 1 << unix.CAP_NET_ADMIN
	s.run.must(os.NewSyscallError("capset", unix.Capset(&header, &without[0])))
	defer func() { s.run.must(os.NewSyscallError("capset", unix.Capset(&header, &had[0]))) }()
	part()
}
