package report

import "github.com/tcplab/tcplab/labs/record"

// A Node is a state of RFC 9293's diagram, by the kernel's name.
type Node struct {
	State string
	RFC   string  // the RFC's name, where it is another
	x, y  float64 // the middle of its box in the picture
}

// Machine is the TCP connection state diagram of RFC 9293, figure 5.
var Machine = []Node{
	{State: record.Close, RFC: "CLOSED", x: 248, y: 28},
	{State: record.Listen, x: 118, y: 104},
	{State: record.SynSent, RFC: "SYN-SENT", x: 378, y: 104},
	{State: record.SynRecv, RFC: "SYN-RECEIVED", x: 118, y: 180},
	{State: record.Established, x: 378, y: 180},
	{State: record.FinWait1, RFC: "FIN-WAIT-1", x: 72, y: 270},
	{State: record.Closing, x: 248, y: 270},
	{State: record.CloseWait, RFC: "CLOSE-WAIT", x: 424, y: 270},
	{State: record.FinWait2, RFC: "FIN-WAIT-2", x: 72, y: 350},
	{State: record.TimeWait, RFC: "TIME-WAIT", x: 248, y: 350},
	{State: record.LastAck, RFC: "LAST-ACK", x: 424, y: 350},
}

// An Edge is a transition of RFC 9293's diagram.
type Edge struct {
	From, To string
	On       string // what brings it about, and what is sent then
}

// Edges are the transitions of RFC 9293, figure 5 and its notes. A RST may lead
// from any state to CLOSE, and a program may always abort; the figure leaves
// that out (note 3), and so does this list.
var Edges = []Edge{
	{record.Close, record.Listen, "passive OPEN"},
	{record.Close, record.SynSent, "active OPEN / SYN"},
	{record.Listen, record.Close, "CLOSE"},
	{record.Listen, record.SynRecv, "SYN / SYN,ACK"},
	{record.Listen, record.SynSent, "SEND / SYN"},
	{record.SynSent, record.Close, "CLOSE"},
	{record.SynSent, record.SynRecv, "SYN / SYN,ACK"},
	{record.SynSent, record.Established, "SYN,ACK / ACK"},
	{record.SynRecv, record.Listen, "RST"}, // note 1: after a passive OPEN
	{record.SynRecv, record.Established, "ACK of SYN"},
	{record.SynRecv, record.FinWait1, "CLOSE / FIN"},
	{record.Established, record.FinWait1, "CLOSE / FIN"},
	{record.Established, record.CloseWait, "FIN / ACK"},
	{record.FinWait1, record.FinWait2, "ACK of FIN"},
	{record.FinWait1, record.Closing, "FIN / ACK"},
	{record.FinWait1, record.TimeWait, "FIN, ACK of FIN / ACK"}, // note 2
	{record.FinWait2, record.TimeWait, "FIN / ACK"},
	{record.Closing, record.TimeWait, "ACK of FIN"},
	{record.CloseWait, record.LastAck, "CLOSE / FIN"},
	{record.LastAck, record.Close, "ACK of FIN"},
	{record.TimeWait, record.Close, "2 MSL"},
}
