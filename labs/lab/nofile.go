package lab

import (
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/nofile"
)

// LimitsDescriptors reports whether LimitDescriptors works on this architecture.
const LimitsDescriptors = nofile.Supported

// LimitDescriptors sets how many descriptors the host's program may have, its three
// standard files among them: setrlimit(2), RLIMIT_NOFILE. accept fails once it has that
// many. No other run is limited.
func (p *program) LimitDescriptors(n int) {
	p.before("", "setrlimit")
	p.limit = n
	p.call("setrlimit", 0, nil, []string{"RLIMIT_NOFILE", "[" + strconv.Itoa(n) + "]"})
}

// full reports whether the program has all the descriptors that it may have.
func (p *program) full() bool { return p.limit > 0 && p.free() >= p.limit }

// accept4 is accept(2). Where the story's program has no descriptor left, the call is
// made by a process that has none left either.
func (s *Sock) accept4() (fd int, from unix.Sockaddr, err error) {
	if !s.full() {
		return unix.Accept4(s.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	}
	fd, err = nofile.Accept(s.fd)
	if err == nil {
		_ = unix.Close(fd)
		s.fail("accept", "it succeeds without a free descriptor")
	}
	return -1, nil, err
}
