// Package opening holds the labs about how connections begin.
package opening

import (
	"embed"

	"github.com/tcplab/tcplab/labs/lab"
)

// Labs are the section's labs, in teaching order.
var Labs = []*lab.Lab{
	&handshake, &lifecycle, &noAccept, &noListen, &selfConnect, &simOpen, &backlog, &synQueue,
	&lostSYN, &lostSYNACK, &lostACK,
}

// Pictures holds the labs' golden ladders, NAME.ladder and its variants.
//
//go:embed all:testdata
var Pictures embed.FS
