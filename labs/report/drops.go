package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// dropping are the counters that rise where the kernel throws an arriving segment
// away (include/uapi/linux/snmp.h, net/ipv4/proc.c).
var dropping = []string{
	"InCsumErrors", "ListenDrops", "ListenOverflows", "OutOfWindowIcmps", "LockDroppedIcmps", "PAWSActive", "PAWSEstab", "PAWSOldAck",
	"PAWSTimewait", "TCPAODroppedIcmps", "TCPBacklogDrop", "TCPDeferAcceptDrop", "TCPMD5Failure",
	"TCPMD5NotFound", "TCPMD5Unexpected", "TCPMinTTLDrop", "TCPOFODrop", "TCPRcvQDrop", "TCPReqQFullDrop", "TCPZeroWindowDrop",
}

// dropped says who has thrown away the segment of a row that has arrived: "dropped by
// the server". It is empty where the segment was taken in. A counter that rises does
// not tell of what it was about, so it counts only where nothing else came of it.
func (r *row) dropped() string {
	if r.segment == nil && r.icmp == nil || len(r.states) > 0 {
		return ""
	}
	if s := r.segment; s != nil && s.Fate != record.Delivered && s.Fate != record.Injected {
		return ""
	}
	if r.rose(dropping...) || slices.ContainsFunc(r.kernel, isDrop) {
		return "dropped by the " + r.host
	}
	return ""
}

// isDrop reports whether the kernel says that it drops a segment for which there is a
// socket.
func isDrop(text string) bool {
	_, reason, found := strings.Cut(text, dropsIt)
	return found && reason != "NO_SOCKET"
}

// dropsIt is how the kernel's own account of a drop begins.
const dropsIt = "drops it: "

// rose reports whether one of the receiver's counters has risen.
func (r *row) rose(names ...string) bool {
	return slices.ContainsFunc(r.counts, func(c count) bool {
		return c.host == r.host && slices.ContainsFunc(c.names, func(name string) bool { return slices.Contains(names, name) })
	})
}

// cookie reports whether a listener has answered the row's SYN without keeping a
// socket for it.
func (r *row) cookie() bool {
	return r.segment != nil && len(r.states) == 0 && r.rose("SyncookiesSent")
}

// unchanged is what stands at the head of a segment that has changed nothing.
func (r *row) unchanged() []string {
	switch who := r.dropped(); {
	case who != "":
		return []string{who, r.still}
	case r.cookie():
		return []string{"answers with a cookie", r.still}
	}
	return []string{r.still}
}

// counterMeans tells in a few words what counters mean that rise where a segment is
// dropped, refused, or answered in an unusual way.
var counterMeans = map[string]string{
	"EmbryonicRsts":             "a half-open connection was reset",
	"InCsumErrors":              "a checksum is wrong",
	"ListenDrops":               "a listener has dropped a segment",
	"ListenOverflows":           "the accept queue is full",
	"OutOfWindowIcmps":          "an ICMP message quotes a sequence number that is not in flight",
	"PAWSActive":                "a timestamp is too old",
	"PAWSEstab":                 "a timestamp is too old",
	"PAWSOldAck":                "a timestamp is too old",
	"PAWSTimewait":              "a timestamp is too old",
	"SyncookiesFailed":          "the ACK carries no cookie of this kernel's",
	"SyncookiesRecv":            "the ACK carries the cookie",
	"SyncookiesSent":            "the SYN,ACK carries a cookie",
	"TCPAbortOnClose":           "a program has closed with data unread",
	"TCPAbortOnData":            "a program has closed, and nobody can read the data",
	"TCPAbortOnLinger":          "the time of SO_LINGER or TCP_LINGER2 is over",
	"TCPAbortOnTimeout":         "the kernel has given up",
	"TCPBacklogDrop":            "the socket is in use, and its backlog is full",
	"TCPChallengeACK":           "a challenge ACK: RFC 5961",
	"TCPDeferAcceptDrop":        "TCP_DEFER_ACCEPT waits for data",
	"TCPFastOpenListenOverflow": "too many Fast Open requests",
	"TCPRcvQDrop":               "the receive buffer is full",
	"TCPReqQFullDoCookies":      "too many half-open connections",
	"TCPReqQFullDrop":           "too many half-open connections",
	"TCPSYNChallenge":           "a SYN for a connection that is there",
	"TCPTimeWaitOverflow":       "too many time-wait sockets",
	"TCPZeroWindowDrop":         "the receive window is closed",
}

// meanings are what the counters of a count mean, each once.
func (c count) meanings() string {
	var all []string
	for _, name := range c.names {
		text := counterMeans[name]
		if name == "ListenDrops" && len(c.names) > 1 {
			text = "" // the other says why
		}
		if text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}

// saysDrop tells what became of a segment that has changed no state, where more is
// known than that: "The server's kernel drops it. ".
func saysDrop(r *row) string {
	switch {
	case r.dropped() != "":
		return fmt.Sprintf("The %s's kernel drops it.", r.host)
	case r.cookie():
		return fmt.Sprintf("The %s's kernel answers it with a SYN cookie, and keeps nothing of it.", r.host)
	}
	return ""
}
