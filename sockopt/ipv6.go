package sockopt

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// IPv6V6Only (IPV6_V6ONLY) keeps an IPv6 socket from using IPv4 through mapped
// addresses. EINVAL once the socket is bound.
//
// ipv6(7); do_ipv6_setsockopt.
var IPv6V6Only Option[bool] = readWrite(boolean, Spec{
	Name: "IPV6_V6ONLY", Level: LevelIPv6, Number: unix.IPV6_V6ONLY,
	Since: "2.4.21", Sysctl: "net.ipv6.bindv6only",
})

// IPv6UnicastHops (IPV6_UNICAST_HOPS) is the hop limit of every packet. -1 is
// the route's, and then the sysctl's; it reads as the one in force. EINVAL
// outside of the range. Unlike [IPTTL] it can be 0.
//
// ipv6(7); do_ipv6_setsockopt.
var IPv6UnicastHops Option[int] = readWrite(integer, Spec{
	Name: "IPV6_UNICAST_HOPS", Level: LevelIPv6, Number: unix.IPV6_UNICAST_HOPS,
	Unit: "hops", Range: "-1 to 255", Since: "2.2", Sysctl: "net.ipv6.conf.all.hop_limit",
})

// IPv6MinHopCount (IPV6_MINHOPCOUNT) drops received packets with a lower hop
// limit, as [IPMinTTL] does. EINVAL outside of the range.
//
// Default 0. do_ipv6_setsockopt.
var IPv6MinHopCount Option[int] = readWrite(integer, Spec{
	Name: "IPV6_MINHOPCOUNT", Level: LevelIPv6, Number: unix.IPV6_MINHOPCOUNT,
	Unit: "hops", Range: "0 to 255", Since: "2.6.35",
})

// IPv6TClass (IPV6_TCLASS) is the traffic class of every packet: DSCP and ECN.
// On a TCP socket the two ECN bits stay as they are. -1 is 0. EINVAL outside of
// the range.
//
// Default 0. do_ipv6_setsockopt.
var IPv6TClass Option[int] = readWrite(integer, Spec{
	Name: "IPV6_TCLASS", Level: LevelIPv6, Number: unix.IPV6_TCLASS,
	Range: "-1 to 255", Since: "2.6.14",
})

// IPv6MTUDiscover (IPV6_MTU_DISCOVER) is [IPMTUDiscover] for IPv6.
//
// Default "want". ipv6(7); do_ipv6_setsockopt.
var IPv6MTUDiscover Option[PMTUDiscovery] = readWrite(enum[PMTUDiscovery](), Spec{
	Name: "IPV6_MTU_DISCOVER", Level: LevelIPv6, Number: unix.IPV6_MTU_DISCOVER,
	Range: "0 to 5", Since: "2.2",
})

// IPv6MTU (IPV6_MTU) gets the path MTU known of a connected socket, ENOTCONN
// otherwise, and sets something else: the size to fragment datagrams to, which
// TCP has no use for. EINVAL for less than 1280, except for 0.
//
// ipv6(7); do_ipv6_setsockopt, do_ipv6_getsockopt.
var IPv6MTU Option[int] = readWrite(integer, Spec{
	Name: "IPV6_MTU", Level: LevelIPv6, Number: unix.IPV6_MTU,
	Unit: "bytes", Range: "0, 1280 and more", Since: "2.2",
})

// IPv6RecvErr (IPV6_RECVERR) is [IPRecvErr] for ICMPv6 errors.
//
// Default off. ipv6(7); tcp_v6_err.
var IPv6RecvErr Option[bool] = readWrite(boolean, Spec{
	Name: "IPV6_RECVERR", Level: LevelIPv6, Number: unix.IPV6_RECVERR,
	Since: "2.2",
})

// IPv6FreeBind (IPV6_FREEBIND) is the same flag as [IPFreeBind].
//
// Default off. do_ipv6_setsockopt.
var IPv6FreeBind Option[bool] = readWrite(boolean, Spec{
	Name: "IPV6_FREEBIND", Level: LevelIPv6, Number: unix.IPV6_FREEBIND,
	Since: "4.15",
})

// IPv6Transparent (IPV6_TRANSPARENT) is the same flag as [IPTransparent].
//
// Default off. do_ipv6_setsockopt (CAP_NET_RAW does as well).
var IPv6Transparent Option[bool] = readWrite(boolean, Spec{
	Name: "IPV6_TRANSPARENT", Level: LevelIPv6, Number: unix.IPV6_TRANSPARENT,
	Since: "2.6.37", Needs: "CAP_NET_ADMIN",
})

// IPv6UnicastIf (IPV6_UNICAST_IF) is [IPUnicastIf] for IPv6. EINVAL on a socket
// that is bound to a device.
//
// Default 0. do_ipv6_setsockopt.
var IPv6UnicastIf Option[int] = readWrite(ifindexBE, Spec{
	Name: "IPV6_UNICAST_IF", Level: LevelIPv6, Number: unix.IPV6_UNICAST_IF,
	Since: "3.4",
})

// AddrPreference is the value of [IPv6AddrPreferences]: flags.
type AddrPreference int

// The flags of [IPv6AddrPreferences], RFC 5014's. Two that contradict each
// other are refused.
const (
	PreferTemporary AddrPreference = 0x0001 // IPV6_PREFER_SRC_TMP
	PreferPublic    AddrPreference = 0x0002 // IPV6_PREFER_SRC_PUBLIC
	PreferDefault   AddrPreference = 0x0100 // IPV6_PREFER_SRC_PUBTMP_DEFAULT: as use_tempaddr says
	PreferCareOf    AddrPreference = 0x0004 // IPV6_PREFER_SRC_COA
	PreferHome      AddrPreference = 0x0400 // IPV6_PREFER_SRC_HOME
	PreferCGA       AddrPreference = 0x0008 // IPV6_PREFER_SRC_CGA: checked, and otherwise ignored
	PreferNonCGA    AddrPreference = 0x0800 // IPV6_PREFER_SRC_NONCGA: checked, and otherwise ignored
)

func (p AddrPreference) String() string {
	names := []struct {
		flag AddrPreference
		name string
	}{
		{PreferTemporary, "temporary"}, {PreferPublic, "public"}, {PreferDefault, "default"},
		{PreferCareOf, "care-of"}, {PreferHome, "home"}, {PreferCGA, "cga"}, {PreferNonCGA, "non-cga"},
	}
	var set []string
	for _, n := range names {
		if p&n.flag != 0 {
			set = append(set, n.name)
			p &^= n.flag
		}
	}
	if p != 0 {
		set = append(set, fmt.Sprintf("%#x", int(p)))
	}
	return strings.Join(set, ",")
}

// IPv6AddrPreferences (IPV6_ADDR_PREFERENCES) prefers temporary or public
// source addresses (RFC 5014). EINVAL for flags that contradict each other.
//
// Default "default,home". ip6_sock_set_addr_preferences.
var IPv6AddrPreferences Option[AddrPreference] = readWrite(enum[AddrPreference](), Spec{
	Name: "IPV6_ADDR_PREFERENCES", Level: LevelIPv6, Number: unix.IPV6_ADDR_PREFERENCES,
	Since: "2.6.26",
})

// IPv6AutoFlowLabel (IPV6_AUTOFLOWLABEL) puts a hash of the connection into the
// flow label of every packet, for routers to spread load by.
//
// do_ipv6_setsockopt; ip-sysctl.
var IPv6AutoFlowLabel Option[bool] = readWrite(boolean, Spec{
	Name: "IPV6_AUTOFLOWLABEL", Level: LevelIPv6, Number: unix.IPV6_AUTOFLOWLABEL,
	Since: "3.17", Sysctl: "net.ipv6.auto_flowlabels",
})

// IPv6FlowInfoSend (IPV6_FLOWINFO_SEND) makes connect look at the flow label in
// the address it is given.
//
// Default off. do_ipv6_setsockopt.
var IPv6FlowInfoSend Option[bool] = readWrite(boolean, Spec{
	Name: "IPV6_FLOWINFO_SEND", Level: LevelIPv6, Number: ipv6FlowInfoSend,
	Since: "2.4",
})

// IPv6AddrForm (IPV6_ADDRFORM) reads as the address family, and turns a
// connected IPv6 socket with an IPv4-mapped peer into an IPv4 socket when it is
// set to AF_INET. ENOTCONN in any state but ESTABLISHED, for getting too;
// EADDRNOTAVAIL if the peer is not mapped; EINVAL for another family.
//
// ipv6(7); do_ipv6_setsockopt.
var IPv6AddrForm Option[int] = readWrite(named(map[int]string{
	unix.AF_INET: "AF_INET", unix.AF_INET6: "AF_INET6",
}), Spec{
	Name: "IPV6_ADDRFORM", Level: LevelIPv6, Number: unix.IPV6_ADDRFORM,
	Range: "AF_INET", Since: "2.2",
})

// OriginalDst6 (IP6T_SO_ORIGINAL_DST) is [OriginalDst] for IPv6.
//
// ipv6_getorigdst (net/netfilter/nf_conntrack_proto.c).
var OriginalDst6 ReadOnly[netip.AddrPort] = readOnly(sockaddr, Spec{
	Name: "IP6T_SO_ORIGINAL_DST", Level: LevelIPv6, Number: ip6tSOOriginalDst,
	Since: "3.8",
})
