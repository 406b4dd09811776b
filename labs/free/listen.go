package free

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
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
	if err := h.Enter(); err != nil {
		return false, err
	}
	all, err := listeners()
	if err != nil {
		return false, h.Wrap(err)
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

// listeners are those of the calling thread's network namespace.
func listeners() ([]listener, error) {
	var all []listener
	for _, file := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile("/proc/thread-self/net/" + file)
		if os.IsNotExist(err) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			const listen = "0A" // TCP_LISTEN, proc_pid_net(5)
			if f := strings.Fields(line); len(f) > 3 && f[3] == listen {
				if a, ok := readAddress(f[1]); ok {
					all = append(all, listener{a})
				}
			}
		}
	}
	return all, nil
}

// readAddress reads an address as /proc/net/tcp has it: each word of it in the
// machine's byte order, then the port.
func readAddress(text string) (netip.AddrPort, bool) {
	address, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(address)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.NativeEndian.Uint32(b[i:]))
	}
	a, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a, uint16(n)), ok
}
