package free

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/internal/rig"
)

// A listener is an address that a socket of the server listens on.
type listener struct{ netip.AddrPort }

// reachable reports whether what comes over the wire gets to it.
func (l listener) reachable() bool { return !l.Addr().IsLoopback() }

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
			r.server.fails("the server does not listen %s after %v%s", what, r.o.Wait, r.elsewhere())
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
	addresses, err := h.Listeners()
	if err != nil {
		return false, h.Wrap(err)
	}
	var all []listener
	for _, a := range addresses {
		all = append(all, listener{a})
	}
	up, loopback := false, false
	for _, l := range all {
		if !slices.Contains(r.listening, l) {
			r.listening = append(r.listening, l)
			if err := h.End(rig.Pair{Local: l.AddrPort}, true).GlimpseApart(true); err != nil {
				return false, err
			}
		}
		if r.o.Port != 0 && int(l.Port()) != r.o.Port {
			continue
		}
		up = true
		loopback = loopback || !l.reachable()
	}
	reachable := slices.ContainsFunc(all, func(l listener) bool {
		return l.reachable() && (r.o.Port == 0 || int(l.Port()) == r.o.Port)
	})
	if up && loopback && !reachable {
		r.notef("the server listens on its loopback interface alone%s: nothing that comes over the wire gets there", r.elsewhere())
	}
	return up, nil
}
