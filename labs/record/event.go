package record

import (
	"net/netip"
	"time"
)

// An Event is one thing that happened, at a time since the start of the run.
type Event struct {
	At   time.Duration // whole microseconds
	Body Body
}

// A Body says what happened: *Call, *Segment, *ICMP, *State, *Counters, *Window, *Wait,
// *Kernel, *VerdictGiven, *Part, *Note, *Program or *Bulk.
type Body interface{ kind() string }

// A Call is a system call that a host's program made.
type Call struct {
	Host string `json:"host"`
	Call string `json:"call"`
	// Args are the arguments as strace would print them. Descriptors are
	// numbered for each host as a process of its own would see them.
	Args   []string `json:"args"`
	Result string   `json:"result"`
	Errno  string   `json:"errno"` // "EAGAIN"; empty where the call succeeded
}

// A Fate says what the wire did with a segment.
type Fate string

// The fates of a segment.
const (
	Delivered Fate = "delivered"
	Dropped   Fate = "dropped"
	Held      Fate = "held"     // kept on the wire; another event tells if it was let go later
	Injected  Fate = "injected" // put on the wire by tcplab: a copy, or forged
)

// A Cause says why a kernel has sent a segment by itself, or again.
type Cause string

// The causes. A segment without one was sent in the course of a system call, or
// answers a segment.
const (
	ByTimer       Cause = "timer"          // the retransmission timer ran out
	ByDuplicates  Cause = "duplicate-acks" // acknowledgements showed that it was lost: fast retransmit
	BySlowStart   Cause = "slow-start"     // after a timeout: acknowledgements let go again what counts as lost
	ByICMP        Cause = "icmp"           // an ICMP message said that it is too big
	BySYNACK      Cause = "syn-ack"        // the SYN,ACK did not acknowledge the data that the SYN has carried
	ByAnswer      Cause = "answer"         // it was sent again because the other side's came again
	ByProbe       Cause = "probe"          // a tail loss probe (RFC 8985 §7)
	ByKeepalive   Cause = "keepalive"      // the keepalive timer ran out (RFC 9293 §3.8.4)
	ByWindowProbe Cause = "window-probe"   // the persist timer ran out (RFC 9293 §3.8.6.1)
	ByDelay       Cause = "delayed-ack"    // an ACK that was put off, until its timer ran out (RFC 9293 §3.8.6.3)
	ByUnknown     Cause = "unknown"        // sent again, and the instrument can't tell why
)

// A Timestamp says how the timestamp of a forged segment differs from the true one.
type Timestamp string

// What can have become of a timestamp.
const (
	OlderTimestamp Timestamp = "older"
	NewerTimestamp Timestamp = "newer"
	NoTimestamp    Timestamp = "none" // the option is missing
)

// A Segment is a TCP segment on the wire, when its fate was decided.
type Segment struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Src and Dst tell the connections of a run apart.
	Src   netip.AddrPort `json:"src"`
	Dst   netip.AddrPort `json:"dst"`
	Flags string         `json:"flags"` // from the lowest bit up: "SYN,ACK"
	// Seq and Ack are relative to the initial sequence numbers of the sender
	// and of the receiver. Ack is 0 without the ACK flag.
	Seq uint32 `json:"seq"`
	Ack uint32 `json:"ack"`
	Win uint16 `json:"win"` // the header's field, not scaled
	Len int    `json:"len"` // bytes of data
	// ECN is the IP header's codepoint: "", "ECT(0)", "ECT(1)" or "CE" (RFC 3168 §5).
	ECN    string `json:"ecn,omitempty"`
	Urgent uint16 `json:"urg,omitempty"` // the urgent pointer
	// SACK is what is acknowledged selectively, as relative to the receiver's
	// initial sequence number as Ack is: "1449-2897", with commas between several.
	SACK string `json:"sack,omitempty"`
	// Options are the TCP options as tcpdump prints them.
	Options string `json:"options,omitempty"`
	Fate    Fate   `json:"fate"`
	// Retransmission is set where the sender has sent these sequence numbers before.
	Retransmission bool `json:"retransmission,omitempty"`
	// Cause says why the sender's kernel has sent what no system call, and no
	// segment that arrived for the first time, made it send.
	Cause Cause `json:"cause,omitempty"`
	// Forged is set where the sender never sent it: it was made by tcplab.
	Forged bool `json:"forged,omitempty"`
	// Timestamp says how its timestamps option (RFC 7323 §3) differs from that of the
	// segment that it was made of, where it was forged and does differ.
	Timestamp Timestamp `json:"timestamp,omitempty"`
	// ID is the same in every event about one packet, and rises in the order
	// in which the packets were seen.
	ID     int           `json:"id"`
	SentAt time.Duration `json:"-"` // when the sender put it on the wire; sent_us in JSON
	Raw    []byte        `json:"raw"`
}

// An ICMP is an error message of ICMP (RFC 792) or ICMPv6 (RFC 4443) that a host
// received: a segment of its own could not be delivered. tcplab makes it, in place
// of a router on the way or of the other host.
type ICMP struct {
	To   string     `json:"to"`
	Src  netip.Addr `json:"src"`
	Dst  netip.Addr `json:"dst"`
	Type uint8      `json:"type"`
	Code uint8      `json:"code"`
	Says string     `json:"says"`          // "host unreachable"
	MTU  uint32     `json:"mtu,omitempty"` // of the next link, for a packet that is too big for it
	// About is the segment's Segment.ID, From and Dest are its two ends.
	About int            `json:"about"`
	From  netip.AddrPort `json:"from"`
	Dest  netip.AddrPort `json:"dest"`
	Raw   []byte         `json:"raw"`
}

// A State is a change in what the kernel says of one socket.
type State struct {
	Host string `json:"host"`
	// Socket is named from its host's side: "40000->80" opened actively,
	// "80<-40000" passively, ":80" listening.
	Socket string         `json:"socket"`
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote,omitzero"` // zero for a listener
	From   string         `json:"from"`            // empty where the socket is first seen
	To     string         `json:"to"`              // CLOSE where it is gone
	// RQueue and WQueue are inet_diag's: bytes to be read and bytes not yet
	// acknowledged (SYN and FIN count as one); on a listener the connections
	// that wait for accept, and the limit.
	RQueue      uint32 `json:"rqueue"`
	WQueue      uint32 `json:"wqueue"`
	Timer       string `json:"timer"`      // "", "retransmit", "keepalive", "timewait", "probe"
	ExpiresMS   int64  `json:"expires_ms"` // time left on Timer
	Retransmits int    `json:"retransmits"`
	// Descriptor reports whether a program holds the socket: false for a
	// connection that waits for accept, an orphan, a time-wait socket.
	Descriptor bool `json:"descriptor"`
	// Apart is set in a live run where the event before has not led to it: the host has
	// just sent the segment that follows, or was looked at for its own sake.
	Apart bool `json:"apart,omitempty"`
}

// A Counters says by how much counters of a host's kernel have risen since they
// were last read: in the course of the event before it, where that shows nothing
// else. Those that rise with every segment are left out (see Run.Counters).
type Counters struct {
	Host string           `json:"host"`
	Rose map[string]int64 `json:"rose"` // by the kernel's names: "ListenDrops"
}

// A Wait is time spent waiting for a timer of the kernel.
type Wait struct {
	Host     string `json:"host"`
	Socket   string `json:"socket"`
	Timer    string `json:"timer"` // as in State
	For      string `json:"for"`   // what was waited for: a segment ("client:SYN again"), a state, or a "part" of the timer's time
	LeftMS   int64  `json:"left_ms"`
	WaitedMS int64  `json:"waited_ms"`
}

// A Kernel is what the kernel itself said as it happened, at one of its
// tracepoints: the second witness of a run with --trace, beside State, which is
// what inet_diag answers when it is asked.
type Kernel struct {
	Host string `json:"host"`
	// Socket is named as in State; empty where no socket takes part.
	Socket string `json:"socket"`
	Event  string `json:"event"` // the tracepoint: one of Tracepoints
	// From and To are the states of SetState.
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	State string `json:"state,omitempty"` // the socket's, as it sent again or was reset
	// Reason is the kernel's own name of why it dropped a packet or sent a reset.
	Reason  string  `json:"reason,omitempty"`
	Context Context `json:"context"`
	// ID is the segment that the host was being given: Segment.ID; 0 for another
	// Context than InSegment.
	ID int `json:"id,omitempty"`
}

// The tracepoints of a Kernel event, by the kernel's names.
const (
	SetState         = "inet_sock_set_state"
	RetransmitSkb    = "tcp_retransmit_skb"
	RetransmitSynack = "tcp_retransmit_synack"
	SendReset        = "tcp_send_reset"
	ReceiveReset     = "tcp_receive_reset"
	KfreeSkb         = "kfree_skb"
)

// Tracepoints are all of them.
var Tracepoints = []string{SetState, RetransmitSkb, RetransmitSynack, SendReset, ReceiveReset, KfreeSkb}

// A Context says what the kernel was doing.
type Context string

// The contexts of a Kernel event.
const (
	InCall    Context = "call"    // a system call of the host's program
	InSegment Context = "segment" // taking in a segment
	InTimer   Context = "timer"   // a timer of the kernel had run out
)

// A Window is a socket's congestion window, where the story has looked at it and it
// was another than the last time.
type Window struct {
	Host     string         `json:"host"`
	Socket   string         `json:"socket"` // as in State
	Local    netip.AddrPort `json:"local"`
	Remote   netip.AddrPort `json:"remote"`
	Cwnd     uint32         `json:"cwnd"`     // segments (tcpi_snd_cwnd)
	Ssthresh uint32         `json:"ssthresh"` // segments; 2147483647 as long as there is no limit
}

// VerdictGiven marks the moment at which a claim was judged.
type VerdictGiven struct {
	Claim    string  `json:"claim"`
	Verdict  Verdict `json:"verdict"`
	Surprise bool    `json:"surprise"`
}

// A Part begins a named part of the story.
type Part struct {
	Title string `json:"title"`
}

// A Note is what the story shows, and judges nothing by.
type Note struct {
	Text string `json:"text"`
}

// A Program is what a user's program on a host has done: a run of programs has these
// where a lab has calls.
type Program struct {
	Host    string `json:"host"`
	Command string `json:"command"` // as it was typed
	Does    Doing  `json:"does"`
	Status  int    `json:"status"`           // its exit status, where it has exited
	Signal  string `json:"signal,omitempty"` // what has killed it: "SIGSEGV"
	Why     string `json:"why,omitempty"`    // how it fails
}

// A Doing is what a program does.
type Doing string

// What programs do.
const (
	Starts Doing = "start"
	Exits  Doing = "exit"   // with Program.Status
	Killed Doing = "killed" // by Program.Signal
	// Fails says in the end that the run does not count as a success, and Program.Why:
	// the client has ended badly and was not expected to, or the server never listened.
	Fails Doing = "fail"
)

// A Bulk is a number of segments of one connection that are counted and not told one
// by one: data and its acknowledgements, as they were sent, in order and whole.
type Bulk struct {
	From string         `json:"from"` // the host that has sent more data
	Src  netip.AddrPort `json:"src"`  // its address, and the other's
	Dst  netip.AddrPort `json:"dst"`
	// Segments and Bytes are From's, Back and BackBytes the other's.
	Segments  int   `json:"segments"`
	Bytes     int64 `json:"bytes"`
	Back      int   `json:"back"`
	BackBytes int64 `json:"back_bytes"`
	SinceUS   int64 `json:"since_us"` // when the first was sent
}

func (*Call) kind() string         { return "call" }
func (*Segment) kind() string      { return "segment" }
func (*ICMP) kind() string         { return "icmp" }
func (*State) kind() string        { return "state" }
func (*Counters) kind() string     { return "counters" }
func (*Window) kind() string       { return "cwnd" }
func (*Wait) kind() string         { return "wait" }
func (*Kernel) kind() string       { return "kernel" }
func (*VerdictGiven) kind() string { return "verdict" }
func (*Part) kind() string         { return "part" }
func (*Note) kind() string         { return "note" }
func (*Program) kind() string      { return "program" }
func (*Bulk) kind() string         { return "bulk" }

// The states of a TCP socket, as the kernel names them, without TCP_.
const (
	Established = "ESTABLISHED"
	SynSent     = "SYN_SENT"
	SynRecv     = "SYN_RECV"
	FinWait1    = "FIN_WAIT1"
	FinWait2    = "FIN_WAIT2"
	TimeWait    = "TIME_WAIT"
	Close       = "CLOSE"
	CloseWait   = "CLOSE_WAIT"
	LastAck     = "LAST_ACK"
	Listen      = "LISTEN"
	Closing     = "CLOSING"
)

// SocketStates are the names of all states of a socket.
var SocketStates = []string{
	Listen, SynSent, SynRecv, Established, FinWait1, FinWait2, Closing, TimeWait, CloseWait, LastAck, Close,
}
