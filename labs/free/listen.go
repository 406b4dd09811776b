package free

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/internal/rig"
)

// reachable reports whether what comes over the wire gets to a listener. One on an address of
// IPv6 may take IPv4, too; not the other way round.
func (r *run) reachable(l netip.AddrPort) bool {
	return !l.Addr().IsLoopback() && (!r.o.IPv6 || l.Addr().Is6())
}

// untold reports whether a listener is left out of the ladder, which names ports and would
// show the same twice: on IPv4 one on IPv6 whose port another one has, on IPv6 all on IPv4.
func (r *run) untold(l netip.AddrPort, all []netip.AddrPort) bool {
	if r.o.IPv6 {
		return l.Addr().Is4()
	}
	return l.Addr().Is6() && slices.ContainsFunc(all, func(other netip.AddrPort) bool { return other.Port() == l.Port() && other.Addr().Is4() })
}

// awaitListen carries until the server listens, and reports false where it does not.
func (r *run) awaitListen() (bool, error) {
	if r.o.Wait < 0 {
		return true, nil
	}
	begin := time.Now()
	up := false
	err := r.until(begin, func() (bool, error) {
		var err error
		if up, err = r.listens(); up || err != nil {
			return true, err
		}
		switch what := listenText(r.o.Port); {
		case r.server.failed():
			r.server.fails("the server has ended (%s) before it listened %s", r.server.how(), what)
			return true, nil
		case time.Since(begin) > r.o.Wait:
			r.server.fails("the server does not listen %s after %v%s; --wait 0 does not wait for that", what, r.o.Wait, r.elsewhere())
			return true, nil
		}
		return false, nil
	})
	return up, err
}

func listenText(port int) string {
	if port == 0 {
		return "on any port"
	}
	return fmt.Sprintf("on port %d", port)
}

// elsewhere says where else the server listens.
func (r *run) elsewhere() string {
	if len(r.listening) == 0 {
		return ""
	}
	var all []string
	for _, l := range r.listening {
		all = append(all, l.String())
	}
	return "; it listens on " + strings.Join(all, ", ")
}

// listens reports whether the server listens where it is to, and takes in what else
// it listens on.
func (r *run) listens() (bool, error) {
	h := r.server.host
	all, err := h.Listeners()
	if err != nil {
		return false, h.Wrap(err)
	}
	var there []netip.AddrPort // where it is to
	for _, l := range all {
		if !slices.Contains(r.listening, l) {
			r.listening = append(r.listening, l)
			if r.untold(l, all) {
				continue
			}
			if err := h.End(rig.Pair{Local: l}, true).GlimpseApart(true); err != nil {
				return false, err
			}
		}
		if r.o.Port == 0 || int(l.Port()) == r.o.Port {
			there = append(there, l)
		}
	}
	if len(there) > 0 && !slices.ContainsFunc(there, r.reachable) {
		alone := "its loopback interface"
		if slices.ContainsFunc(there, func(l netip.AddrPort) bool { return !l.Addr().IsLoopback() }) {
			alone = "IPv4"
		}
		r.notef("the server listens on %s alone%s: nothing that comes over the wire gets there", alone, r.elsewhere())
	}
	return len(there) > 0, nil
}
