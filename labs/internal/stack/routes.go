package stack

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/sysctl"
)

// ownTable is the routing table that leads to the host's own address over the
// wire.
const ownTable = 100

// SendOwnOverWire makes packets to the host's own address leave by its
// interface, so that they wait on the wire as all others do, and lets it
// receive them when they come back. Left alone, Linux hands such packets over
// inside, through the loopback interface. The thread must be in the namespace.
func (h *Host) SendOwnOverWire() error {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer nl.Close()
	link, err := nl.LinkByName(Interface)
	if err != nil {
		return err
	}
	a, family := h.Addr(), netlink.FAMILY_V4
	if a.Is6() {
		family = netlink.FAMILY_V6
	} else {
		// A packet from one's own address would be refused as spoofed
		// (fib_validate_source). IPv6 has no such check.
		for key, value := range map[string]string{"accept_local": "1", "rp_filter": "0"} {
			for _, dev := range []string{"all", Interface} {
				if err := sysctl.Write("net.ipv4.conf."+dev+"."+key, value); err != nil {
					return err
				}
			}
		}
	}
	own := &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: own, Src: own.IP, Table: ownTable, Scope: netlink.SCOPE_LINK}
	if err := nl.RouteAdd(route); err != nil {
		return fmt.Errorf("route to %v: %w", own, err)
	}
	// What comes in is for this host; what goes out takes the new table; the
	// rest of the local table still answers after it. The first rule goes last,
	// so that there is no moment without a local address.
	for _, add := range []struct {
		priority, table int
		in              string
	}{{10, unix.RT_TABLE_LOCAL, Interface}, {20, ownTable, ""}, {30, unix.RT_TABLE_LOCAL, ""}} {
		rule := netlink.NewRule()
		rule.Family, rule.Priority, rule.Table, rule.IifName = family, add.priority, add.table, add.in
		if err := nl.RuleAdd(rule); err != nil {
			return fmt.Errorf("rule %d: %w", add.priority, err)
		}
	}
	first := netlink.NewRule()
	first.Family, first.Priority, first.Table = family, 0, unix.RT_TABLE_LOCAL
	if err := nl.RuleDel(first); err != nil {
		return fmt.Errorf("rule 0: %w", err)
	}
	return nil
}

// LoopbackUp brings up the host's loopback interface. The thread must be in the
// namespace.
func (h *Host) LoopbackUp() error {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer nl.Close()
	lo, err := nl.LinkByName("lo")
	if err != nil {
		return err
	}
	return nl.LinkSetUp(lo)
}

// Loopback returns the host's loopback address.
func (h *Host) Loopback() netip.Addr {
	if h.Addr().Is6() {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}
