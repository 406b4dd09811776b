// Package transfer holds the labs about how data moves.
package transfer

import (
	"embed"
	"fmt"
	"strconv"
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
	&mtuProbe,
	&ecn,
	&reorder,
	&reneging,
	&spurious,
	&lostAgain,
	&rtt,
	&rtoLimits,
	&metrics,
}

// Pictures holds the labs' golden ladders, NAME.ladder and its variants.
//
//go:embed all:testdata
var Pictures embed.FS

// between writes a range of sequence numbers after seq as Segment.SACK has it.
func between(seq, left, right int) string { return fmt.Sprintf("%d-%d", seq+left, seq+right) }

// muchMore is more than the windows of stories about full buffers take.
const muchMore = 8000

// perSegment is more than the kernel adds to a segment's data when it counts what a
// send buffer holds.
const perSegment = 1024

// needRoom ends the story where the window of a socket's peer, or the socket's own send
// buffer, has no room for so many segments.
func needRoom(s *lab.Script, from *lab.Sock, segments int) {
	needWindow(s, from, segments)
	// The kernel takes one more as long as the buffer is not full.
	s.StopIf(from.SendBuffer() <= (segments-1)*(int(from.Info().SndMSS)+perSegment), "the send buffer has no room for so many segments")
}

// needWindow is needRoom for a story that sets the size of the send buffer itself.
func needWindow(s *lab.Script, from *lab.Sock, segments int) {
	info := from.Info()
	s.StopIf(int(info.SndWnd) < segments*int(info.SndMSS), "the receive buffer has no room for so many segments")
}

// needWaiting ends the story where the kernel takes no data that has to wait for a
// window.
func needWaiting(s *lab.Script, from *lab.Host) {
	s.StopIf(from.Sysctl(notSentLowat) <= aLot, "with this tcp_notsent_lowat the kernel takes no more data while some waits for a window")
}

const notSentLowat = "net.ipv4.tcp_notsent_lowat"

// needReno ends the story where the client does not control congestion as RFC 5681 says.
func needReno(s *lab.Script) { s.StopIf(notReno(s)) }

// withReno are claims about congestion control as RFC 5681 has it.
func withReno(s *lab.Script) lab.Condition { return s.Unless(notReno(s)) }

func notReno(s *lab.Script) (is bool, why string) {
	const key = "net.ipv4.tcp_congestion_control"
	control := s.Client.SysctlText(key)
	return control != "reno", key + " is " + control + ", and the claim is about reno"
}

const (
	rmem = "net.ipv4.tcp_rmem"
	wmem = "net.ipv4.tcp_wmem"
)

// size is one of a sysctl's three numbers, from 0: the least size of a buffer, the
// first, and the largest.
func size(host *lab.Host, key string, which int) int {
	n, _ := strconv.Atoi(strings.Fields(host.SysctlText(key))[which])
	return n
}

// infinite is TCP_INFINITE_SSTHRESH: nothing has reduced the window yet.
const infinite = 0x7fffffff

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

// distantWithData is distant, and data has come to the server: else the first ACK that is
// to be a duplicate would be a window update.
func distantWithData(s *lab.Script, listener *lab.Sock, name string) (client, server *lab.Sock) {
	client, server = distant(s, listener, name)
	client.Write("hello")
	client.Idle(roundTrip)
	s.Wire.Of(client).Carry(client)
	server.Read()
	return client, server
}

// leastRTO is the least that a retransmission timeout is: TCP_RTO_MIN
// (include/net/tcp.h), or what tcp_rto_min_us says since Linux 6.11.
func leastRTO(host *lab.Host) time.Duration {
	us := host.SysctlOr(rtoMin, int(kernelsRTOMin.Microseconds()))
	return time.Duration(us) * time.Microsecond
}

// micro is a time of TCP_INFO.
func micro(us uint32) time.Duration { return time.Duration(us) * time.Microsecond }

// kernelsRTOMin is TCP_RTO_MIN: also the least pause before a window probe, whatever the
// sysctl says.
const kernelsRTOMin = 200 * time.Millisecond
