// Package closing holds the labs about how connections end.
package closing

import (
	"embed"

	"github.com/tcplab/tcplab/labs/lab"
)

// Labs are the section's labs, in teaching order.
var Labs = []*lab.Lab{
	&fourWay,
	&threeWay,
	&halfClose,
	&shutRead,
	&simClose,
	&lostFIN,
	&lostFINACK,
	&lostPeerFIN,
	&lostLastACK,
	&finWait2,
	&closeWait,
	&timeWait,
	&bucket,
	&resetClose,
	&resetErrors,
	&linger,
	&earlyClose, &abortClose,
	&destroy,
}

// Pictures holds the labs' golden ladders, NAME.ladder and its variants.
//
//go:embed all:testdata
var Pictures embed.FS
