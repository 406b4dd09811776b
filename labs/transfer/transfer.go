// Package transfer holds the labs about how data moves.
package transfer

import (
	"embed"
	"fmt"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
)

// Labs are the section's labs, in teaching order.
var Labs = []*lab.Lab{
	&lostData,
	&fastRetransmit,
	&zeroWindow,
	&delAck,
	&nagle,
	&tailLoss,
	&slowStart,
	&buffers,
	&autoTuning,
	&window,
	&urgent,
	&mtu,
	&ecn,
	&reorder,
	&spurious,
	&lostAgain,
}

// Pictures holds the labs' golden ladders, NAME.ladder and its variants.
//
//go:embed all:testdata
var Pictures embed.FS

// full is data for n full segments of a connection.
func full(s *lab.Sock, n int) string { return strings.Repeat("x", n*int(s.Info().SndMSS)) }

// between writes a range of sequence numbers after seq as Segment.SACK has it.
func between(seq, left, right int) string { return fmt.Sprintf("%d-%d", seq+left, seq+right) }

// muchMore is more than the windows of stories about full buffers take.
const muchMore = 8000

// perSegment is more than the kernel adds to a segment's data when it counts what a
// send buffer holds.
const perSegment = 1024

// noRoom judges claims inapplicable, and reports that it has, where the window of a
// socket's peer, or the socket's own send buffer, has no room for so many segments.
func noRoom(s *lab.Script, from *lab.Sock, segments int, ids ...string) bool {
	if noWindow(s, from, segments, ids...) {
		return true
	}
	// The kernel takes one more as long as the buffer is not full.
	if from.SendBuffer() > (segments-1)*(int(from.Info().SndMSS)+perSegment) {
		return false
	}
	s.Inapplicable("the send buffer has no room for so many segments", ids...)
	return true
}

// noWindow is noRoom for a story that sets the size of the send buffer itself.
func noWindow(s *lab.Script, from *lab.Sock, segments int, ids ...string) bool {
	if info := from.Info(); int(info.SndWnd) >= segments*int(info.SndMSS) {
		return false
	}
	s.Inapplicable("the receive buffer has no room for so many segments", ids...)
	return true
}

const notSentLowat = "net.ipv4.tcp_notsent_lowat"

// noWaiting judges claims inapplicable, and reports that it has, where the kernel takes
// no data that has to wait for a window.
func noWaiting(s *lab.Script, from *lab.Host, ids ...string) bool {
	if from.Sysctl(notSentLowat) > aLot {
		return false
	}
	s.Inapplicable("with this tcp_notsent_lowat the kernel takes no more data while some waits for a window", ids...)
	return true
}

// needRoom ends the story where the window of a socket's peer, or the socket's own send
// buffer, has no room for so many segments.
func needRoom(s *lab.Script, from *lab.Sock, segments int) {
	info := from.Info()
	s.StopIf(int(info.SndWnd) < segments*int(info.SndMSS), "the receive buffer has no room for so many segments")
	// The kernel takes one more as long as the buffer is not full.
	s.StopIf(from.SendBuffer() <= (segments-1)*(int(info.SndMSS)+perSegment), "the send buffer has no room for so many segments")
}

// withReno are claims about congestion control as RFC 5681 has it.
func withReno(s *lab.Script) lab.Condition {
	const key = "net.ipv4.tcp_congestion_control"
	control := s.Client.SysctlText(key)
	return s.Unless(control != "reno", key+" is "+control+", and the claim is about reno")
}

// isReno reports whether the client controls congestion as RFC 5681 says. Where it
// does not, it judges the claims inapplicable.
func isReno(s *lab.Script, ids ...string) bool {
	const key = "net.ipv4.tcp_congestion_control"
	control := s.Client.SysctlText(key)
	if control != "reno" {
		s.Inapplicable(key+" is "+control+", and the claim is about reno", ids...)
	}
	return control == "reno"
}

// roundTrip is what a round trip to a distant server takes. RACK's reordering window
// and the timer of tail loss probes follow it, and the story must be quicker than they
// are: without it they are some milliseconds.
const roundTrip = 300 * time.Millisecond

// distant makes a connection to a server that is a roundTrip away.
func distant(s *lab.Script, listener *lab.Sock, name string) (client, server *lab.Sock) {
	s.Part("A connection to a distant server")
	client = s.Client.Named(name).Connect(listener)
	client.Idle(roundTrip)
	s.Wire.Handshake(client)
	return client, listener.Named(name + " server").Accept()
}

// leastRTO is the least that a retransmission timeout is: TCP_RTO_MIN
// (include/net/tcp.h), or what tcp_rto_min_us says since Linux 6.11.
func leastRTO(host *lab.Host) time.Duration {
	if !host.Has(rtoMin) {
		return kernelsRTOMin
	}
	return time.Duration(host.Sysctl(rtoMin)) * time.Microsecond
}

// kernelsRTOMin is TCP_RTO_MIN: also the least pause before a window probe, whatever the
// sysctl says.
const kernelsRTOMin = 200 * time.Millisecond
