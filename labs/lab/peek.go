package lab

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// TryPeek looks at the first n bytes that there are to read, and leaves them there,
// without waiting: recv(2) with MSG_PEEK. The outcome is OK or the name of an errno.
func (s *Sock) TryPeek(n int) (data, outcome string) {
	s.before(s.name, "recv")
	buf := make([]byte, min(max(n, 0), maxRead))
	got, _, err := unix.Recvfrom(s.fd, buf, unix.MSG_PEEK)
	data = string(buf[:max(got, 0)])
	outcome = OK
	if errno := s.call("recv", got, err, []string{s.arg(), quote(data), strconv.Itoa(n), "MSG_PEEK"}, ofTransfer...); errno != 0 {
		outcome = unix.ErrnoName(errno)
	}
	s.acted()
	return data, outcome
}
