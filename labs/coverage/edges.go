package coverage

import "github.com/tcplab/tcplab/labs/record"

// states in short, for the tables below.
const (
	none        = ""
	listen      = record.Listen
	synSent     = record.SynSent
	synRecv     = record.SynRecv
	established = record.Established
	finWait1    = record.FinWait1
	finWait2    = record.FinWait2
	closeWait   = record.CloseWait
	closing     = record.Closing
	lastAck     = record.LastAck
	timeWait    = record.TimeWait
	gone        = record.Close
)

// edges are those of RFC 9293 §3.3.2, figure 5, from the top down, and then those that
// its notes and the text of §3.10.7 add.
func edges() []candidate {
	return []candidate{
		{"CLOSED → LISTEN", "passive OPEN", moved(none, listen), ""},
		{"CLOSED → SYN-SENT", "active OPEN: sends SYN", moved(none, synSent), ""},
		{"LISTEN → SYN-RECEIVED", "a SYN arrives: sends SYN,ACK; Linux makes another socket for it, and the listener stays", moved(none, synRecv), ""},
		{"LISTEN → SYN-SENT", "SEND", nil, "Linux has no such edge: write on a listener fails with EPIPE, and connect with EISCONN"},
		{"LISTEN → CLOSED", "CLOSE", moved(listen, gone), ""},
		{"SYN-SENT → SYN-RECEIVED", "a SYN arrives: sends SYN,ACK (simultaneous open)", moved(synSent, synRecv), ""},
		{"SYN-SENT → ESTABLISHED", "a SYN,ACK arrives: sends ACK", moved(synSent, established), ""},
		{"SYN-SENT → CLOSED", "CLOSE", moved(synSent, gone, "close", "shutdown", "connect"), ""},
		{"SYN-RECEIVED → ESTABLISHED", "the ACK of the SYN arrives", moved(synRecv, established), ""},
		{"SYN-RECEIVED → FIN-WAIT-1", "CLOSE: sends FIN; only in a simultaneous open, or with Fast Open", moved(synRecv, finWait1), ""},
		{"SYN-RECEIVED → LISTEN", "a RST arrives after a passive OPEN (note 1)", request("RST"), ""},
		{"ESTABLISHED → FIN-WAIT-1", "CLOSE: sends FIN", moved(established, finWait1), ""},
		{"ESTABLISHED → CLOSE-WAIT", "a FIN arrives: sends ACK", moved(established, closeWait), ""},
		{"FIN-WAIT-1 → FIN-WAIT-2", "the ACK of the FIN arrives", moved(finWait1, finWait2), ""},
		{"FIN-WAIT-1 → CLOSING", "a FIN arrives: sends ACK", moved(finWait1, closing), ""},
		{"FIN-WAIT-2 → TIME-WAIT", "a FIN arrives: sends ACK", moved(finWait2, timeWait), ""},
		{"CLOSING → TIME-WAIT", "the ACK of the FIN arrives", moved(closing, timeWait), ""},
		{"CLOSE-WAIT → LAST-ACK", "CLOSE: sends FIN", moved(closeWait, lastAck), ""},
		{"LAST-ACK → CLOSED", "the ACK of the FIN arrives", moved(lastAck, gone, "segment"), ""},
		{"TIME-WAIT → CLOSED", "2 MSL are over", moved(timeWait, gone, "timer"), "it takes 60 s: timewait --wait shows it"},
		{"FIN-WAIT-1 → TIME-WAIT", "FIN and the ACK of the FIN in one segment (note 2)", moved(finWait1, timeWait), ""},
		{"SYN-SENT → CLOSED, by RST", "note 3", moved(synSent, gone, "RST"), ""},
		{"ESTABLISHED → CLOSED, by RST", "note 3", moved(established, gone, "RST"), ""},
		{"FIN-WAIT-1 → CLOSED, by RST", "note 3", moved(finWait1, gone, "RST"), ""},
		{"FIN-WAIT-2 → CLOSED, by RST", "note 3", moved(finWait2, gone, "RST"), ""},
		{"CLOSE-WAIT → CLOSED, by RST", "note 3", moved(closeWait, gone, "RST"), ""},
		{"CLOSING → CLOSED, by RST", "note 3", moved(closing, gone, "RST"), ""},
		{"LAST-ACK → CLOSED, by RST", "note 3", moved(lastAck, gone, "RST"), ""},
		{"TIME-WAIT → CLOSED, by RST", "note 3", moved(timeWait, gone, "RST"), ""},
		{"SYN-RECEIVED → CLOSE-WAIT", "a FIN arrives with the ACK of the SYN (§3.10.7.4)", moved(synRecv, closeWait), ""},
		{"TIME-WAIT → SYN-RECEIVED", "a new SYN arrives (§3.10.7.4, MAY-2)", moved(timeWait, synRecv), ""},
	}
}

// transitions are those that Linux has besides, or in another way.
func transitions() []candidate {
	return []candidate{
		{"SYN_RECV → gone, by a timer", "a half-open connection expires silently", request("timer"), ""},
		{"SYN_RECV → gone, by a segment", "an ACK that finds the queue full, with tcp_abort_on_overflow, or another SYN", request("segment"), ""},
		{"SYN_RECV stays: queue full", "the ACK arrives and is dropped", judged("backlog", "ack-dropped-when-full"), ""},
		{"SYN_RECV stays: TCP_DEFER_ACCEPT", "a bare ACK is dropped", counted("TCPDeferAcceptDrop"), ""},
		{"nothing → ESTABLISHED", "the ACK of a SYN cookie", counted("SyncookiesRecv"), ""},
		{"SYN_RECV, accepted", "Fast Open", counted("TCPFastOpenPassive"), ""},
		{"SYN_SENT → CLOSE, by ICMP", "connect fails at once", moved(synSent, gone, "ICMP"), ""},
		{"SYN_SENT → CLOSE, by a timer", "ETIMEDOUT", moved(synSent, gone, "timer"), ""},
		{"SYN_RECV → CLOSE, simultaneous open", "a RST, or the time is over", crossed, ""},
		{"ESTABLISHED → CLOSE, by a timer", "retransmissions, keepalive or TCP_USER_TIMEOUT end it", moved(established, gone, "timer"), ""},
		{"ESTABLISHED → CLOSE, by close", "unread data, or SO_LINGER with 0: sends RST", aborted(established), ""},
		{"ESTABLISHED → CLOSE, by connect", "AF_UNSPEC: sends RST", moved(established, gone, "connect"), ""},
		{"FIN_WAIT1 → CLOSE, by a timer", "tcp_orphan_retries", moved(finWait1, gone, "timer"), ""},
		{"FIN_WAIT1 → CLOSE, by a segment", "data after close, TCP_LINGER2 below 0, or tcp_max_tw_buckets", moved(finWait1, gone, "segment"), ""},
		{"FIN_WAIT2 → mini-socket", "close of a socket in FIN_WAIT2", func(f *facts) bool { return f.mini }, ""},
		{"FIN_WAIT2 → gone, by a timer", "tcp_fin_timeout", moved(finWait2, gone, "timer"), ""},
		{"FIN_WAIT2 → gone, by a segment", "data after close: sends RST", moved(finWait2, gone, "segment"), ""},
		{"FIN_WAIT2 → CLOSE, by close", "unread data: sends RST", aborted(finWait2), ""},
		{"CLOSE_WAIT → CLOSE, by close", "unread data: sends RST", aborted(closeWait), ""},
		{"CLOSE_WAIT → CLOSE, by a timer", "keepalive, or data that is not acknowledged", moved(closeWait, gone, "timer"), ""},
		{"LAST_ACK → CLOSE, by a timer", "tcp_orphan_retries", moved(lastAck, gone, "timer"), ""},
		{"CLOSING → CLOSE, by a timer", "tcp_orphan_retries", moved(closing, gone, "timer"), ""},
		{"TIME_WAIT → TIME_WAIT", "a FIN comes again: its 60 s start anew", judged("lostlastack", "time-wait-restarts"), ""},
		{"TIME_WAIT → gone, by connect", "tcp_tw_reuse, or a port that is bound again", anyOf(moved(timeWait, synSent, "connect"), counted("TWRecycled")), ""},
		{"no TIME_WAIT", "tcp_max_tw_buckets is reached", counted("TCPTimeWaitOverflow"), ""},
		{"LISTEN → LISTEN", "listen again: another limit", judged("relisten", "listen-again-changes-the-limit"), ""},
		{"LISTEN → CLOSE → LISTEN", "shutdown, then listen again", judged("relisten", "listen-brings-it-back"), ""},
		{"ESTABLISHED, one socket at both ends", "self-connect", judged("selfconnect", "one-socket-both-ends"), ""},
		{"BOUND_INACTIVE", "bound, and neither listening nor connecting", nil, "only a dump of inet_diag shows it (since Linux 6.8), and tcplab looks up single sockets"},
		{"any state → CLOSE, by SOCK_DESTROY", "ss -K", moved(established, gone, "SOCK_DESTROY"), ""},
	}
}
