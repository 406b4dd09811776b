package lab

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/sockopt"
)

// Sign makes the socket sign all segments to a peer with a key, and drop those from it
// that are not signed so; an empty key ends that: setsockopt(2) with TCP_MD5SIG. It
// reports false where this kernel has no such signatures.
func (s *Sock) Sign(peer netip.Addr, key string) bool {
	s.before(s.name, "setsockopt")
	v := sockopt.MD5Key{Peer: peer, Key: []byte(key)}
	err := sockopt.Set(s.fd, sockopt.MD5Sig, v)
	result := 0
	var errno error
	if errors.Is(err, unix.ENOPROTOOPT) {
		result, errno = -1, unix.ENOPROTOOPT
	} else {
		s.must(err)
	}
	option := sockopt.MD5Sig
	s.call("setsockopt", result, errno, []string{s.arg(), option.Level.String(), option.Name, "[" + v.String() + "]"}, unix.ENOPROTOOPT)
	s.acted()
	return errno == nil
}
