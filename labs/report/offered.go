package report

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// offered knows of each direction by how much its windows are shifted, from its SYN, and
// which one was offered last.
type offered map[[2]netip.AddrPort]offer

type offer struct {
	shift  int
	scales bool
	window int64
}

// word is what a label says of the window that a segment offers, in bytes. It is empty
// for one that offers none, and for data and probes that offer the same as before.
func (o offered) word(s *record.Segment) string {
	there, back := [2]netip.AddrPort{s.Src, s.Dst}, [2]netip.AddrPort{s.Dst, s.Src}
	syn := strings.Contains(s.Flags, "SYN")
	if strings.Contains(s.Flags, "RST") || s.Forged {
		return ""
	}
	was := o[there]
	now := was
	if syn {
		now.shift, now.scales = wscaleOf(s)
	}
	now.window = int64(s.Win)
	if now.scales && o[back].scales && !syn { // the window in a SYN is as it is
		now.window <<= now.shift
	}
	o[there] = now
	probes := s.Cause == record.ByKeepalive || s.Cause == record.ByWindowProbe
	if (s.Len > 0 || probes) && now.window == was.window {
		return ""
	}
	return fmt.Sprintf("win=%d", now.window)
}
