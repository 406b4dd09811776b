package coverage

import (
	"strings"

	"github.com/tcplab/tcplab/sockopt"
)

// optionCandidates are the options of the levels of TCP and of sockets.
func optionCandidates() []candidate {
	var all []candidate
	for _, o := range sockopt.All() {
		if !strings.HasPrefix(o.Name, "TCP_") && !strings.HasPrefix(o.Name, "SO_") {
			continue
		}
		all = append(all, candidate{o.Name, "", func(f *facts) bool { return f.options[o.Name] }, whyNot(optionWhys, o.Name)})
	}
	return all
}

// optionWhys say why no lab uses an option.
var optionWhys = []why{
	{"SO_DEBUG SO_SNDLOWAT SO_CNX_ADVICE", "it does nothing for TCP that can be observed"},
	{"SO_TYPE SO_PROTOCOL SO_DOMAIN SO_ACCEPTCONN SO_COOKIE SO_MEMINFO SO_INCOMING_CPU SO_INCOMING_NAPI_ID SO_NETNS_COOKIE", "it only asks what is known: sockopt shows it"},
	{"SO_RCVTIMEO* SO_SNDTIMEO* SO_BUSY_POLL SO_PREFER_BUSY_POLL SO_BUSY_POLL_BUDGET SO_ZEROCOPY SO_TXREHASH", "about how a call waits or copies; the stories' sockets do not block"},
	{"SO_TIMESTAMP* SO_TIMESTAMPING* TCP_INQ", "adds control messages to recvmsg, which labs do not use"},
	{"SO_MARK SO_RCVMARK SO_RCVPRIORITY SO_PRIORITY SO_DONTROUTE SO_BINDTODEVICE SO_BINDTOIFINDEX SO_MAX_PACING_RATE TCP_TX_DELAY", "about routes, devices and queueing, of which a lab's wire has none"},
	{"SO_LOCK_FILTER", "about BPF programs"},
	{"SO_SNDBUFFORCE SO_RCVBUFFORCE", "the same as without FORCE, for root"},
	{"TCP_AO_*", "needs a kernel with CONFIG_TCP_AO"},
	{"TCP_REPAIR_* TCP_QUEUE_SEQ TCP_TIMESTAMP", "about moving connections to another host; TCP_REPAIR itself makes a host crash in a lab"},
	{"SO_RESERVE_MEM", "reserves memory of a memory cgroup, which a lab's hosts have none of"},
	{"TCP_THIN_DUPACK", "accepted, and nothing in the kernel reads it"},
	{"SO_ORIGINAL_DST", "about NAT, of which a lab's wire has none"},
	{"TCP_ULP TCP_ZEROCOPY_RECEIVE TCP_IS_MPTCP TCP_CC_INFO", "it does not change what TCP does on the wire"},
	{"TCP_INFO", "labs read it without a call of the story's (Sock.Info)"},
}
