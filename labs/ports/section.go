// Package ports holds the labs about ports and addresses: who may bind which, what
// connect chooses, and what several sockets share.
package ports

import (
	"embed"
	"net/netip"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// Labs are the section's labs, in teaching order.
var Labs = []*lab.Lab{
	&portsLab, &bindRules, &reusePort, &twReuseLab,
}

// Pictures holds the labs' golden ladders, NAME.ladder and its variants.
//
//go:embed all:testdata
var Pictures embed.FS

// connect starts to connect a new socket, for which the kernel chooses the port, and
// says whether it has found one.
func connect(s *lab.Script, name string, to netip.AddrPort) (*lab.Sock, string) {
	client := s.Client.Named(name).Socket()
	outcome := client.TryConnect(to)
	if outcome == "EINPROGRESS" {
		outcome = lab.OK
	}
	return client, outcome
}

// both sets an option on both sockets.
func both(option sockopt.Option[bool], socks ...*lab.Sock) {
	for _, sock := range socks {
		lab.Set(sock, option, true)
	}
}
