// Package opening holds the labs about how connections begin.
package opening

import "github.com/tcplab/tcplab/labs/lab"

// Labs are the section's labs, in teaching order.
var Labs = []*lab.Lab{&handshake, &lifecycle, &noAccept, &noListen, &selfConnect, &simOpen, &backlog}
