// Package stack is one host: a network namespace with one device to the wire, its
// addresses, its sysctls, and the instruments that look at it.
package stack

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/tcplab/tcplab/labs/internal/counters"
	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
	"github.com/tcplab/tcplab/labs/internal/tun"
)

// Interface is the name of a host's interface to the wire.
const Interface = "wire0"

// A Host is a network stack of its own. It is made by New, and has no namespace
// until Make.
type Host struct {
	Name     string
	Prefixes []netip.Prefix // of its addresses
	// Offload is set for a host whose TCP gives the wire bursts of segments as one
	// packet: see tun.OpenOffload.
	Offload  bool
	ns       *netns.Namespace
	tun      *tun.Device
	diag     *sockdiag.Conn
	counters *counters.Set // nil until they are asked for
}

// New returns a host that is still to be made.
func New(name string, prefixes ...netip.Prefix) *Host {
	return &Host{Name: name, Prefixes: prefixes}
}

// Addr returns the host's first address.
func (h *Host) Addr() netip.Addr { return h.Prefixes[0].Addr() }

// Addrs returns all of the host's addresses.
func (h *Host) Addrs() []netip.Addr {
	all := make([]netip.Addr, len(h.Prefixes))
	for i, p := range h.Prefixes {
		all[i] = p.Addr()
	}
	return all
}

// Has reports whether an address is the host's.
func (h *Host) Has(a netip.Addr) bool { return slices.Contains(h.Addrs(), a) }

// Device returns the host's device, where its packets come out and go in.
func (h *Host) Device() *tun.Device { return h.tun }

// LookUp asks inet_diag for one socket: see sockdiag.Conn.Get.
func (h *Host) LookUp(local, remote netip.AddrPort) (s sockdiag.Socket, found bool, err error) {
	return h.diag.Get(local, remote)
}

// Listeners are the addresses on which the host's sockets listen.
func (h *Host) Listeners() ([]netip.AddrPort, error) { return h.diag.Listeners() }

// Info asks inet_diag for one connection's view of the network: see sockdiag.Conn.Info.
func (h *Host) Info(local, remote netip.AddrPort) (sockdiag.Info, error) {
	return h.diag.Info(local, remote)
}

// Destroy ends one socket: see sockdiag.Conn.Destroy.
func (h *Host) Destroy(local, remote netip.AddrPort) error { return h.diag.Destroy(local, remote) }

// Wrap adds the host's name to an error.
func (h *Host) Wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", h.Name, err)
}

// Enter puts a thread into the host's namespace. Sockets, sysctls and counters
// are those of the thread that asks for them; descriptors that are open work from
// everywhere.
func (h *Host) Enter(t *netns.Thread) error { return h.Wrap(t.Enter(h.ns)) }

// These keep IPv6 from talking by itself on an interface made after them. Where the
// host has no address of IPv6 there is none at all.
var (
	quiet4 = []setting{{"net.ipv6.conf.default.disable_ipv6", "1"}}
	quiet6 = []setting{
		{"net.ipv6.conf.default.addr_gen_mode", "1"}, // no link-local address
		{"net.ipv6.conf.default.accept_ra", "0"},
		{"net.ipv6.conf.default.router_solicitations", "0"},
	}
)

type setting struct{ key, value string }

// A Step is a part of making a host that a machine may not allow.
type Step string

// The steps.
const (
	Namespace Step = "network namespace"
	Sysctls   Step = "sysctls"
	Device    Step = "TUN device"
	Diag      Step = "inet_diag"
	IPv6      Step = "IPv6"
)

// An Error is why a host can't be made, and at which step.
type Error struct {
	Step Step
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Make makes the host's namespace, with its interface up. The thread is in it
// afterwards. Where it fails what was made stays until Close.
func (h *Host) Make(t *netns.Thread) (err error) {
	if h.ns, err = t.New(); err != nil {
		return h.Wrap(&Error{Namespace, err})
	}
	if err := h.settle(); err != nil {
		return h.Wrap(err)
	}
	open := tun.Open
	if h.Offload {
		open = tun.OpenOffload
	}
	if h.tun, err = open(Interface); err != nil {
		return h.Wrap(&Error{Device, err})
	}
	if err := h.plugIn(); err != nil {
		return h.Wrap(fmt.Errorf("%s: %w", Interface, err))
	}
	if h.diag, err = sockdiag.Open(); err != nil {
		return h.Wrap(&Error{Diag, err})
	}
	return nil
}

// settle sets what the namespace is to be like before it has an interface. Any
// program in it may bind the ports below 1024: nothing listens there that it could be
// taken for, and a process without CAP_NET_BIND_SERVICE may run labs.
func (h *Host) settle() error {
	quiet, has6 := quiet4, slices.ContainsFunc(h.Addrs(), netip.Addr.Is6)
	if has6 {
		quiet = quiet6
	}
	for _, s := range quiet {
		err := sysctl.Write(s.key, s.value)
		switch {
		case err == nil, errors.Is(err, sysctl.ErrUnknown) && !has6:
		case errors.Is(err, sysctl.ErrUnknown):
			return &Error{IPv6, err}
		default:
			return &Error{Sysctls, fmt.Errorf("%s: %w", s.key, err)}
		}
	}
	if err := AllowLowPorts(); err != nil {
		return &Error{Sysctls, err}
	}
	return nil
}

// AllowLowPorts lets any program of the calling thread's network namespace bind the
// ports below 1024, without CAP_NET_BIND_SERVICE.
func AllowLowPorts() error {
	const unprivileged = "net.ipv4.ip_unprivileged_port_start"
	if err := sysctl.Write(unprivileged, "0"); err != nil {
		return fmt.Errorf("%s: %w", unprivileged, err)
	}
	return nil
}

// Counters reads by how much the kernel's TCP counters have risen since the host
// was made, without those that stayed 0. The thread must be in the namespace.
func (h *Host) Counters() (_ map[string]int64, err error) {
	if h.counters == nil {
		if h.counters, err = counters.Open(); err != nil {
			return nil, err
		}
	}
	return h.counters.Read()
}

// Intact returns an error where the host's interface has not given the wire all
// that the host has sent. What it throws away (for lack of room, or because it is
// down) looks as if it had never been sent. The thread must be in the namespace.
func (h *Host) Intact() error {
	up, dropped, err := tun.Health(Interface)
	switch {
	case err != nil:
		return h.Wrap(fmt.Errorf("%s: %w", Interface, err))
	case !up:
		return h.Wrap(fmt.Errorf("%s is down", Interface))
	case dropped > 0:
		return h.Wrap(fmt.Errorf("%s has lost %d packets that the host has sent", Interface, dropped))
	}
	return nil
}

// Close lets go of the host. The namespace goes with the last socket in it.
func (h *Host) Close() {
	if h.counters != nil {
		_ = h.counters.Close()
	}
	if h.diag != nil {
		_ = h.diag.Close()
	}
	if h.tun != nil {
		_ = h.tun.Close()
	}
	if h.ns != nil {
		_ = h.ns.Close()
	}
}
