// Package opening holds the labs about how connections begin.
package opening

import (
	"embed"
	"fmt"
	"net/netip"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// Labs are the section's labs, in teaching order.
var Labs = []*lab.Lab{
	&handshake, &negotiate, &lifecycle, &noAccept, &noListen, &selfConnect, &simOpen, &crossed, &backlog, &synQueue, &relisten, &deferAccept, &fastOpen, &fastOpenLimits, &unreachable, &ipHeader,
	&lostSYN, &lostSYNACK, &lostACK,
}

// Pictures holds the labs' golden ladders, NAME.ladder and its variants.
//
//go:embed all:testdata
var Pictures embed.FS

// keepsNothing judges claims about SYN_RECV where there is none.
func keepsNothing(s *lab.Script, claims ...string) bool {
	if s.Server.Sysctl(syncookies) != 2 {
		return false
	}
	s.Inapplicable("with tcp_syncookies 2 the server keeps no half-open connections", claims...)
	return true
}

// cross lets all segments of two sockets that connect to each other cross on the wire.
func cross(s *lab.Script) {
	for _, name := range []string{"SYN", "SYN,ACK", "ACK"} {
		one, other := s.Wire.IfAny("client:"+name), s.Wire.IfAny("server:"+name)
		one.Hold()
		other.Hold()
		one.Deliver()
		other.Deliver()
	}
}

// fill offers a listener n half-open connections, and returns how many it keeps.
func fill(s *lab.Script, listener *lab.Sock, n int, name string) (kept int) {
	before := s.Server.Count(record.SynRecv)
	for i := range n {
		leaveHalfOpen(s, s.Client.Named(fmt.Sprintf("%s %d", name, i+1)).Connect(listener))
	}
	return s.Server.Count(record.SynRecv) - before
}

// leaveHalfOpen lets a client's SYN arrive, and the client is never heard of again.
func leaveHalfOpen(s *lab.Script, client *lab.Sock) *lab.Sock {
	wire := s.Wire.Of(client)
	wire.Next("SYN").Deliver()
	if answer := wire.Take("SYN,ACK"); answer != nil {
		answer.Drop()
	}
	client.Close()
	return client
}

// openFast connects a socket by Fast Open, with data in the SYN, and delivers the first two
// segments.
func openFast(s *lab.Script, client *lab.Sock, to netip.AddrPort) lab.Handshake {
	client.ConnectSending(to, "hello")
	wire := s.Wire.Of(client)
	return lab.Handshake{SYN: wire.Next("SYN").Deliver(), SYNACK: wire.Next("SYN,ACK").Deliver()}
}
