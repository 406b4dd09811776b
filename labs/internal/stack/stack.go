// Package stack is one host: a network namespace with one device to the wire, its
// addresses, its sysctls, and the instruments that look at it.
package stack

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

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
	Prefixes []netip.Prefix // of its addresses; all IPv4 or all IPv6
	ns       *netns.Namespace
	tun      *tun.Device
	diag     *sockdiag.Conn
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

// quiet keeps IPv6 from talking by itself on an interface made after it. Where
// the host is on IPv4 there is no IPv6 at all.
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
//
// Any program of a host may bind the ports below 1024: nothing listens there that
// it could be taken for, and a process that has CAP_NET_ADMIN alone may run labs.
func (h *Host) Make(t *netns.Thread) (err error) {
	if h.ns, err = t.New(); err != nil {
		return h.Wrap(&Error{Namespace, err})
	}
	if err := h.settle(); err != nil {
		return h.Wrap(err)
	}
	if h.tun, err = tun.Open(Interface); err != nil {
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

// settle sets what the namespace is to be like before it has an interface.
func (h *Host) settle() error {
	quiet := quiet4
	if h.Addr().Is6() {
		quiet = quiet6
	}
	for _, s := range quiet {
		err := sysctl.Write(s.key, s.value)
		switch {
		case err == nil, errors.Is(err, sysctl.ErrUnknown) && h.Addr().Is4():
		case errors.Is(err, sysctl.ErrUnknown):
			return &Error{IPv6, err}
		default:
			return fmt.Errorf("%s: %w", s.key, err)
		}
	}
	const unprivileged = "net.ipv4.ip_unprivileged_port_start"
	if err := sysctl.Write(unprivileged, "0"); err != nil {
		return fmt.Errorf("%s: %w", unprivileged, err)
	}
	return nil
}

// plugIn gives the interface its addresses and brings it up.
func (h *Host) plugIn() error {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer nl.Close()
	link, err := nl.LinkByName(Interface)
	if err != nil {
		return err
	}
	// Without a queueing discipline a packet is on the wire when the call that
	// sends it returns, whatever the other processors do.
	none := &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_ROOT},
		QdiscType:  "noqueue",
	}
	if err := nl.QdiscReplace(none); err != nil {
		return fmt.Errorf("qdisc noqueue: %w", err)
	}
	for _, prefix := range h.Prefixes {
		addr := &netlink.Addr{IPNet: &net.IPNet{
			IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
		}}
		if prefix.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD // there is nobody to ask
		}
		if err := nl.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("address %v: %w", prefix, err)
		}
	}
	// The queue of packets that the wire has still to take: what finds it full is
	// lost (tun_net_xmit).
	if err := nl.LinkSetTxQLen(link, queueLength); err != nil {
		return fmt.Errorf("txqueuelen: %w", err)
	}
	if err := nl.LinkSetUp(link); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	for _, prefix := range h.Prefixes {
		if prefix.Addr().Is6() {
			if err := takeIn(nl, link, prefix.Addr().AsSlice()); err != nil {
				return err
			}
		}
	}
	return nil
}

// queueLength is room for what thousands of timers send in one wait.
const queueLength = 65536

// takeIn adds the route that makes an IPv6 address the host's own. The kernel
// does so itself, but later, from a queue of work (addrconf_dad_work): until
// then it throws away what comes for the address.
func takeIn(nl *netlink.Handle, link netlink.Link, ip net.IP) error {
	own := &netlink.Route{
		LinkIndex: link.Attrs().Index, Dst: &net.IPNet{IP: ip, Mask: net.CIDRMask(128, 128)},
		Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL,
	}
	if err := nl.RouteAdd(own); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("route to %v: %w", ip, err)
	}
	return nil
}

// Counters reads by how much the kernel's TCP counters have risen since the host
// was made, without those that stayed 0. The thread must be in the namespace.
func (h *Host) Counters() (map[string]int64, error) { return counters.Read() }

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
