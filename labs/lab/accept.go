package lab

import (
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/rig"
)

// Accept takes the next connection from the listener's queue: accept(2).
func (s *Sock) Accept() *Sock {
	inVain := s.program.run.rig.Expect("a connection")
	s.ready(unix.POLLIN, s.program.run.rig.Deadline())
	conn, outcome := s.TryAccept()
	if outcome != OK {
		inVain()
		s.refused("accept", outcome)
	}
	return conn
}

// TryAccept is Accept without waiting. The outcome is OK or the name of an errno.
func (s *Sock) TryAccept() (conn *Sock, outcome string) {
	s.before(s.name, "accept")
	fd, from, err := s.accept4()
	if err != nil {
		errno := s.call("accept", fd, err, []string{s.arg()}, unix.EAGAIN, unix.EINVAL, unix.EMFILE)
		s.acted()
		return nil, unix.ErrnoName(errno)
	}
	name := s.as
	s.as = ""
	if host := s.program.Name(); name == "" && s.script.socks[host] == nil {
		name = host
	}
	conn = s.hold(fd, name)
	s.call("accept", conn.num, nil, []string{s.arg()})
	conn.bound = s.bound
	if s.bound.Addr().IsUnspecified() {
		conn.bound = unmapped(conn.own())
	}
	conn.met(rig.Pair{Local: conn.bound, Remote: unmapped(addrPort(from))}, true)
	s.acted()
	conn.look()
	return conn, OK
}

// TryAcceptAndRead accepts a connection and reads what has come on it, as a server does
// that expects a request. The outcome is that of TryAccept.
func (s *Sock) TryAcceptAndRead() (data, outcome string) {
	conn, outcome := s.TryAccept()
	if conn != nil {
		data, _ = conn.TryRead()
	}
	return data, outcome
}
