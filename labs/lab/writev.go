package lab

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Writev writes several pieces of data by one call, all of which the kernel must
// take: writev(2).
func (s *Sock) Writev(pieces ...string) {
	s.before(s.name, "writev")
	var iov [][]byte
	var shown []string
	whole := 0
	for _, p := range pieces {
		iov = append(iov, []byte(p))
		shown = append(shown, quote(p))
		whole += len(p)
	}
	n, err := unix.Writev(s.fd, iov)
	s.call("writev", n, err, []string{s.arg(), "[" + strings.Join(shown, ", ") + "]", strconv.Itoa(len(pieces))})
	s.acted()
	if n != whole {
		s.fail("writev", fmt.Sprintf("the kernel took %d of %d bytes", n, whole))
	}
}
