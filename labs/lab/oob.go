package lab

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// SendOOB writes data of which the last byte is urgent: send(2) with MSG_OOB.
func (s *Sock) SendOOB(data string) {
	s.before(s.name, "send")
	n, err := unix.SendmsgN(s.fd, []byte(data), nil, nil, unix.MSG_OOB)
	s.call("send", n, err, []string{s.arg(), quote(data), strconv.Itoa(len(data)), "MSG_OOB"})
	s.acted()
}

// TryReadOOB reads the urgent byte, without waiting: recv(2) with MSG_OOB. The outcome
// is OK or the name of an errno.
func (s *Sock) TryReadOOB() (data, outcome string) {
	s.before(s.name, "recv")
	buf := make([]byte, 1)
	got, _, err := unix.Recvfrom(s.fd, buf, unix.MSG_OOB)
	data = string(buf[:max(got, 0)])
	outcome = OK
	errno := s.call("recv", got, err, []string{s.arg(), quote(data), "1", "MSG_OOB"}, unix.EAGAIN, unix.EINVAL, unix.ECONNRESET)
	if errno != 0 {
		outcome = unix.ErrnoName(errno)
	}
	s.acted()
	return data, outcome
}
