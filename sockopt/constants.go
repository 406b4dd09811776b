package sockopt

// Numbers that golang.org/x/sys/unix does not have yet, from the header named.
const (
	// include/uapi/linux/tcp.h
	tcpAOAddKey    = 38
	tcpAODelKey    = 39
	tcpAOInfo      = 40
	tcpAOGetKeys   = 41
	tcpAORepair    = 42
	tcpIsMPTCP     = 43
	tcpRTOMaxMS    = 44
	tcpRTOMinUS    = 45
	tcpDelackMaxUS = 46

	// include/uapi/linux/in6.h
	ipv6FlowInfoSend = 33

	// include/uapi/linux/netfilter_ipv4.h and netfilter_ipv6/ip6_tables.h
	soOriginalDst     = 80
	ip6tSOOriginalDst = 80
)
