// Package silence holds the labs about peers that say nothing, or nothing any more.
package silence

import (
	"embed"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// Labs are the section's labs, in teaching order.
var Labs = []*lab.Lab{
	&crash, &keepAlive, &userTimeout, &halfOpen,
}

// Pictures holds the labs' golden ladders, NAME.ladder and its variants.
//
//go:embed all:testdata
var Pictures embed.FS

// greeting is what clients write, so that a connection has carried data.
const greeting = "hello"

// vanish lets a socket disappear without a word, as in a power cut: in the mode
// TCP_REPAIR close sends nothing.
func vanish(client *lab.Sock) {
	lab.Set(client, sockopt.Repair, sockopt.RepairOn)
	client.Close()
}

// probe turns keepalive on, with times of its own.
func probe(client *lab.Sock, idle, interval, count int) {
	lab.Set(client, sockopt.KeepIdle, idle)
	lab.Set(client, sockopt.KeepIntvl, interval)
	lab.Set(client, sockopt.KeepCnt, count)
	lab.Set(client, sockopt.KeepAlive, true)
}
