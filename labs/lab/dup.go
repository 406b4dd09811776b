package lab

import "golang.org/x/sys/unix"

// Dup makes a second descriptor of the same socket: dup(2). A child process that
// inherits the socket has just such a one. Named gives it a name.
func (s *Sock) Dup() *Sock {
	s.before(s.name, "dup")
	fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		s.call("dup", fd, err, []string{s.arg()})
	}
	second := s.hold(fd, s.as)
	s.as = ""
	s.call("dup", second.num, nil, []string{s.arg()})
	second.End, second.bound, second.linger = s.End, s.bound, s.linger
	second.descriptors = s.descriptors
	*s.descriptors++
	s.acted()
	return second
}
