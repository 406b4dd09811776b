package lab

import (
	"strings"

	"golang.org/x/sys/unix"
)

// pollEvents are what poll(2) may say of a socket, in the order of <poll.h>.
var pollEvents = []struct {
	bit  int16
	name string
}{
	{unix.POLLIN, "IN"}, {unix.POLLPRI, "PRI"}, {unix.POLLOUT, "OUT"},
	{unix.POLLERR, "ERR"}, {unix.POLLHUP, "HUP"}, {unix.POLLRDHUP, "RDHUP"},
}

// NotReady is what Poll returns of a socket that nothing is to be said of.
const NotReady = "nothing"

// Poll asks, without waiting, what the socket is ready for: poll(2), for all
// events. It returns those that have occurred, without their POLL: "IN|OUT|RDHUP".
func (s *Sock) Poll() string {
	s.before(s.name, "poll")
	fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN | unix.POLLPRI | unix.POLLOUT | unix.POLLRDHUP}}
	n, err := unix.Poll(fds, 0)
	for err == unix.EINTR {
		n, err = unix.Poll(fds, 0)
	}
	var names []string
	for _, e := range pollEvents {
		if fds[0].Revents&e.bit != 0 {
			names = append(names, e.name)
		}
	}
	revents := strings.Join(names, "|")
	s.call("poll", n, err, []string{s.arg(), "[" + revents + "]"})
	s.acted()
	if revents == "" {
		return NotReady
	}
	return revents
}
