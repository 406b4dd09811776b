package account

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/tracepoint"
	"github.com/tcplab/tcplab/labs/record"
)

// The same addresses are those of many runs: only what the story's thread has done
// shows which sockets are this run's, and only until they are in CLOSE.
func TestIsOurs(t *testing.T) {
	client, server := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:80")
	name := func(local, remote netip.AddrPort, passive bool) (host, socket string) {
		socket = fmt.Sprintf("%d->%d", local.Port(), remote.Port())
		switch {
		case remote.Port() == 0:
			socket = fmt.Sprintf(":%d", local.Port())
		case passive:
			socket = fmt.Sprintf("%d<-%d", local.Port(), remote.Port())
		}
		return map[netip.Addr]string{client.Addr(): "client", server.Addr(): "server"}[local.Addr()], socket
	}
	account := &Account{name: name, sockets: map[uint64]*socket{}, host: "client"}
	set := func(socket uint64, from, to string, interrupt bool) tracepoint.Sample {
		return tracepoint.Sample{
			Event: record.SetState, Socket: socket, From: from, To: to, Interrupt: interrupt,
			Local: client, Remote: server, Protocol: unix.IPPROTO_TCP,
		}
	}
	again := func(socket uint64) tracepoint.Sample {
		return tracepoint.Sample{Event: record.RetransmitSkb, Socket: socket, State: "SYN_SENT", Interrupt: true, Local: client, Remote: server}
	}
	ofMPTCP := set(9, "CLOSE", "SYN_SENT", false)
	ofMPTCP.Protocol = unix.IPPROTO_MPTCP
	unbound := set(10, "CLOSE", "SYN_SENT", false)
	unbound.Local = netip.AddrPortFrom(client.Addr(), 0)
	synack := again(2)
	synack.Event, synack.Local, synack.Remote = record.RetransmitSynack, server, client
	listen := set(2, "CLOSE", "LISTEN", false)
	listen.Local, listen.Remote = server, netip.MustParseAddrPort("0.0.0.0:0")
	const active = "40000->80"
	for _, test := range []struct {
		what   string
		sample tracepoint.Sample
		want   *record.Kernel
	}{
		{"another run's timer", again(1), nil},
		{"another run's change", set(1, "SYN_SENT", "CLOSE", true), nil},
		{"another run's birth", set(1, "CLOSE", "SYN_SENT", true), nil},
		{"a birth", set(1, "CLOSE", "SYN_SENT", false), &record.Kernel{Host: "client", Socket: active, Event: record.SetState, From: "CLOSE", To: "SYN_SENT", Context: record.InCall}},
		{"a timer", again(1), &record.Kernel{Host: "client", Socket: active, Event: record.RetransmitSkb, State: "SYN_SENT", Context: record.InTimer}},
		{"another's timer", again(3), nil},
		{"the end, by a timer", set(1, "SYN_SENT", "CLOSE", true), &record.Kernel{Host: "client", Socket: active, Event: record.SetState, From: "SYN_SENT", To: "CLOSE", Context: record.InTimer}},
		{"another with the same memory", again(1), nil},
		{"and its change", set(1, "SYN_SENT", "ESTABLISHED", true), nil},
		{"MPTCP", ofMPTCP, nil},
		{"a message of netlink", tracepoint.Sample{Event: record.KfreeSkb, Reason: "NOT_SPECIFIED"}, nil},
		{"a packet", tracepoint.Sample{Event: record.KfreeSkb, Protocol: unix.ETH_P_IP, Reason: "IP_OUTNOROUTES"}, &record.Kernel{Host: "client", Event: record.KfreeSkb, Reason: "IP_OUTNOROUTES", Context: record.InCall}},
		{"a packet, in an interrupt", tracepoint.Sample{Event: record.KfreeSkb, Protocol: unix.ETH_P_IP, Interrupt: true}, nil},
		{"a listener", listen, &record.Kernel{Host: "server", Socket: ":80", Event: record.SetState, From: "CLOSE", To: "LISTEN", Context: record.InCall}},
		{"its request's timer", synack, &record.Kernel{Host: "server", Socket: "80<-40000", Event: record.RetransmitSynack, State: "SYN_SENT", Context: record.InTimer}},
		{"a connect that has no port yet", unbound, &record.Kernel{Host: "client", Socket: "40007->80", Event: record.SetState, From: "CLOSE", To: "SYN_SENT", Context: record.InCall}},
	} {
		account.Connects(netip.AddrPortFrom(client.Addr(), 40007))
		if diff := cmp.Diff(test.want, account.event(test.sample)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
	}
}
