package report

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// A connection is known by the addresses of its two ends, whichever of them is
// asked: the lesser stands first. Connections can be compared.
type connection struct{ a, b netip.AddrPort }

func connectionOf(x, y netip.AddrPort) connection {
	x, y = unmapped(x), unmapped(y)
	if y.Compare(x) < 0 {
		x, y = y, x
	}
	return connection{x, y}
}

// unmapped is the address as IPv4 has it, where a socket of IPv6 has it as its own.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// tags are the short names that tell the connections of a run apart.
type tags struct {
	of    map[connection]string
	ports map[[2]uint16]string // by the ports alone, in either order: for what has no addresses
	many  bool                 // there is more than one connection that a socket was seen of
}

// An orientation is a connection as it is seen from the left host.
type orientation struct{ near, far netip.AddrPort }

// newTags names a connection by the port that it has at the left host, and where
// several have the same one, by as much more as tells them apart. With many it names
// one that is alone as well.
func newTags(r *record.Run, many bool) tags {
	left := ""
	if hosts := r.Environment.Hosts; len(hosts) > 0 {
		left = hosts[0].Name
	}
	seen := map[connection]orientation{}
	var order []connection
	see := func(local, remote netip.AddrPort) {
		c := connectionOf(local, remote)
		if _, ok := seen[c]; ok {
			return
		}
		o := orientation{local, remote}
		if e := &r.Environment; e.HostOf(local.Addr()) != left && e.HostOf(remote.Addr()) == left {
			o = orientation{remote, local}
		}
		seen[c], order = o, append(order, c)
	}
	sockets := map[connection]bool{}
	for _, e := range r.Events {
		switch v := e.Body.(type) {
		case *record.State:
			if v.Remote.IsValid() {
				see(v.Local, v.Remote)
				sockets[connectionOf(v.Local, v.Remote)] = true
			}
		case *record.Segment:
			see(v.Src, v.Dst)
		}
	}
	t := tags{of: map[connection]string{}, ports: map[[2]uint16]string{}, many: many || len(sockets) > 1}
	if !t.many {
		return t
	}
	for _, long := range []func(orientation) string{
		func(o orientation) string { return port(o.near) },
		func(o orientation) string { return port(o.near) + ">" + port(o.far) },
		func(o orientation) string { return port(o.near) + ">" + o.far.String() },
		func(o orientation) string { return o.near.String() + ">" + o.far.String() },
	} {
		if len(t.of) == len(order) {
			break
		}
		count := map[string]int{}
		for _, c := range order {
			count[long(seen[c])]++
		}
		for _, c := range order {
			name := long(seen[c])
			if _, named := t.of[c]; !named && count[name] == 1 {
				t.of[c] = name
			}
		}
	}
	for _, c := range order {
		o := seen[c]
		for _, ports := range [][2]uint16{{o.near.Port(), o.far.Port()}, {o.far.Port(), o.near.Port()}} {
			name := t.of[c]
			if known, ok := t.ports[ports]; ok && known != name {
				name = port(o.near) + ">" + port(o.far) // the ports are all that is sure
			}
			t.ports[ports] = name
		}
	}
	return t
}

func port(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) }

// ofSegment is the tag of a segment's connection.
func (t *tags) ofSegment(s *record.Segment) string { return t.of[connectionOf(s.Src, s.Dst)] }

// ofState is the tag of a socket's connection.
func (t *tags) ofState(s *record.State) string { return t.of[connectionOf(s.Local, s.Remote)] }

// ofName is the tag of the connection that a socket's name tells of: what the
// kernel says has no more than that. A listener has its name alone.
func (t *tags) ofName(socket string) string {
	local, remote, ok := strings.Cut(socket, "->")
	if !ok {
		local, remote, ok = strings.Cut(socket, "<-")
	}
	if !ok {
		return socket
	}
	l, _ := strconv.ParseUint(local, 10, 16)
	r, _ := strconv.ParseUint(remote, 10, 16)
	if name, ok := t.ports[[2]uint16{uint16(l), uint16(r)}]; ok {
		return name
	}
	return socket
}
