// Package programs holds the labs about what programs see of TCP through the system
// calls.
package programs

import (
	"embed"

	"github.com/tcplab/tcplab/labs/lab"
)

// Labs are the section's labs, in teaching order.
var Labs = []*lab.Lab{&readiness, &acceptReset, &sharedFD, &stream, &connectTwice, &emfile, &dualStack}

// Pictures holds the labs' golden ladders, NAME.ladder and its variants.
//
//go:embed all:testdata
var Pictures embed.FS
