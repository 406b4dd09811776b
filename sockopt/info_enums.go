package sockopt

import (
	"fmt"
	"strings"
)

// State is a TCP state, with the kernel's number (net/tcp_states.h).
type State uint8

// The states, named as the kernel names them without TCP_.
const (
	StateEstablished State = iota + 1
	StateSynSent
	StateSynRecv
	StateFinWait1
	StateFinWait2
	StateTimeWait
	StateClose
	StateCloseWait
	StateLastAck
	StateListen
	StateClosing
	StateNewSynRecv    // a handshake that has no full socket yet; never in TCP_INFO
	StateBoundInactive // bound and neither listening nor connected; in inet_diag alone
)

var stateNames = [...]string{
	StateEstablished: "ESTABLISHED", StateSynSent: "SYN_SENT", StateSynRecv: "SYN_RECV",
	StateFinWait1: "FIN_WAIT1", StateFinWait2: "FIN_WAIT2", StateTimeWait: "TIME_WAIT", StateClose: "CLOSE",
	StateCloseWait: "CLOSE_WAIT", StateLastAck: "LAST_ACK", StateListen: "LISTEN", StateClosing: "CLOSING",
	StateNewSynRecv: "NEW_SYN_RECV", StateBoundInactive: "BOUND_INACTIVE",
}

func (s State) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// CAState is the phase of congestion control (enum tcp_ca_state).
type CAState uint8

// The phases of congestion control.
const (
	CAOpen     CAState = iota // no recent sign of trouble
	CADisorder                // duplicate or selective ACKs: loss or reordering, not decided
	CACWR                     // window reduced for an ECN mark or a drop on this host
	CARecovery                // fast retransmit
	CALoss                    // after a retransmission timeout
)

func (s CAState) String() string {
	names := [...]string{"open", "disorder", "cwr", "recovery", "loss"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("phase %d", uint8(s))
}

// InfoOptions are the TCPI_OPT_ flags: what the handshake agreed on, and what
// was seen since.
type InfoOptions uint8

// The flags of tcpi_options.
const (
	OptTimestamps InfoOptions = 1 << iota // RFC 7323 timestamps
	OptSACK                               // selective acknowledgement
	OptWscale                             // window scaling
	OptECN                                // ECN was negotiated
	OptECNSeen                            // a packet came with an ECT code point
	OptSynData                            // the data in the SYN was acknowledged
	OptUsecTS                             // timestamps count microseconds (since Linux 6.7)
	OptTFOChild                           // the connection came by Fast Open (since Linux 6.16)
)

func (o InfoOptions) String() string {
	names := [...]string{"timestamps", "sack", "wscale", "ecn", "ecn_seen", "syn_data", "usec_ts", "tfo_child"}
	var set []string
	for bit, n := range names {
		if o&(1<<bit) != 0 {
			set = append(set, n)
		}
	}
	return strings.Join(set, ",")
}
