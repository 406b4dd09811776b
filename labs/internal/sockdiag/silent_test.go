package sockdiag

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// An answer that is not there, or is about another socket, is an error and
// nothing to wait for.
func TestGetFaulty(t *testing.T) {
	local, remote := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:80")
	for name, test := range map[string]struct {
		answer []byte
		want   string
	}{
		"none":                 {nil, "inet_diag: no answer"},
		"of another question":  {numbered(answer(1, 0, 0, 0, 0, 0, 1), 7), "inet_diag: no answer"},
		"about another socket": {ported(numbered(answer(1, 0, 0, 0, 0, 0, 1), 1), 81), "inet_diag: answer about a socket that is not the one at port 40000"},
		"of a released port":   {numbered(answer(1, 0, 0, 0, 0, 0, 1), 1), "inet_diag: no answer"}, // to the second question
		"short":                {numbered(answer(1, 0, 0, 0, 0, 0, 1), 1)[:50], "inet_diag: answer of 34 bytes, want 72"},
	} {
		// The other end of a pair stands for the kernel, which has answered before
		// it is asked.
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if test.answer != nil {
			if _, err := unix.Write(pair[1], test.answer); err != nil {
				t.Fatal(err)
			}
		}
		c := &Conn{fd: pair[0]}
		if s, found, err := c.Get(local, remote); found || err == nil || err.Error() != test.want {
			t.Errorf("%s: %+v, %t, %v; want %s", name, s, found, err, test.want)
		}
		unix.Close(pair[0])
		unix.Close(pair[1])
	}
}

func ported(answer []byte, port uint16) []byte {
	binary.BigEndian.PutUint16(answer[headerLen+4:], port)
	return answer
}

func numbered(answer []byte, seq uint32) []byte {
	native.PutUint32(answer[8:], seq)
	return answer
}
