package lab_test

import (
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A segment is delivered with the answers to it, which are named and, if the story wants
// that, lost.
func TestExchange(t *testing.T) {
	t.Parallel()
	var acked, stale, none, last lab.Answer
	state, left := "", 0
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		acked = client.Segment("hello").Exchange()
		left = client.Unacknowledged()
		flight := client.Segments(3)
		last = flight[1:].Exchange() // two duplicate ACKs
		none = server.Craft(lab.Craft{Flags: "ACK", Seq: 1, Ack: 6, Win: 500}).Exchange()
		stale = client.Craft(lab.Craft{Flags: "SYN", Seq: 100, Win: 500}).Provoke()
		flight[0].Exchange()
		state = server.State()
		s.Wire.Take("client:FIN,ACK").Hold().Drop().Deliver() // none is there
		s.Wire.IfAny("client:FIN,ACK").Exchange()
	})
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	if acked.Names != "ACK" || acked.First.Ack != 6 || left != 0 {
		t.Errorf("data was answered by %s ack=%d, and %d bytes are not acknowledged", acked.Names, acked.First.Ack, left)
	}
	if last.Names != "ACK" || last.First.Ack != 6 || last.First.SACK == "" {
		t.Errorf("data beyond a hole was answered by %s ack=%d sack=%q", last.Names, last.First.Ack, last.First.SACK)
	}
	if none.Names != "nothing" || none.First.Flags != "" || stale.Names != "ACK" || state != record.Established {
		t.Errorf("an ACK was answered by %s, a SYN by %s; the server is %s", none.Names, stale.Names, state)
	}
}

// What was on the wire before a segment came is no answer to it.
func TestExchangeLeavesOlder(t *testing.T) {
	t.Parallel()
	var answer lab.Answer
	before, after := "", ""
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		server.Write("older")
		before = s.Wire.Waiting(s.Server)
		answer = client.Segment("hello").Exchange()
		after = s.Wire.Waiting(s.Server)
	})
	if r.Error != "" || answer.Names != "ACK" || before != "PSH,ACK" || after != before {
		t.Errorf("answered by %s; %s waited before, %s afterwards; %s", answer.Names, before, after, r.Error)
	}
}

// A segment is lost so many times, and then the next is carried.
func TestLose(t *testing.T) {
	t.Parallel()
	var first, again *lab.Segment
	var rto time.Duration
	var tries lab.Attempts
	left, timer := -1, ""
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		rto = client.RTO()
		first = client.Segment("hello")
		again = first.Lose(2)
		again.Carry()
		left = client.Unacknowledged()
		server.Read()
		client.Drain()
		s.Client.SetSysctl("net.ipv4.tcp_retries2", "0")
		lost := client.Segment("world")
		timer = client.TimeLeft().Timer
		tries = lost.Unanswered()
	})
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	if again.Seq != first.Seq || !again.Again || !again.Timer.WasSetTo(2*rto) || left != 0 {
		t.Errorf("seq %d was lost twice, and then came seq %d, by a timer with %v left (timeout %v); %d bytes are not acknowledged",
			first.Seq, again.Seq, again.Timer.Left, rto, left)
	}
	if timer != "retransmit" || len(tries.Sent) < 1 || tries.End == 0 {
		t.Errorf("the timer is %q; %d tries, %v", timer, len(tries.Sent), tries.End)
	}
}

// The words that open and close a connection go as far as they can.
func TestAsFarAsItGoes(t *testing.T) {
	t.Parallel()
	var refused, half, closed, sent, late string
	var opened lab.Handshake
	var fin *lab.Segment
	queued := 0
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		listener := s.Server.Listen(80, 4)
		s.Client.Named("queued").Establish(listener)
		queued = listener.Queue()
		listener.Named("first").Accept()
		refused = s.Client.Named("refused").TryEstablish(s.Server.Addr(81)).Connected()
		client := s.Client.Bound(40100)
		client.Connect(s.Server.Addr(80))
		opened = s.Wire.Handshake(client)
		server := listener.Accept()
		sent = client.TrySend("hello")
		fin = client.HalfClose()
		half = client.State()
		late = client.TrySend("more")
		server.Read()
		server.TryFinish()
		closed = client.State() + ", " + client.Peer().State()
	})
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	if queued != 1 || refused != "ECONNREFUSED" || opened.SYN.Flags+" "+opened.SYNACK.Flags+" "+opened.ACK.Flags != "SYN SYN,ACK ACK" {
		t.Errorf("%d wait for accept, the refused one says %s, a handshake is %+v", queued, refused, opened)
	}
	if sent != lab.OK || late != "EPIPE" || fin.Flags != "FIN,ACK" || half != record.FinWait2 || closed != "TIME_WAIT, CLOSE" {
		t.Errorf("send: %s; %s: %s; then %s; in the end %s", sent, fin.Flags, half, late, closed)
	}
}

// What depends on the family of the addresses, or on whether a kernel has a sysctl.
func TestPerFamily(t *testing.T) {
	t.Parallel()
	for _, ipv6 := range []bool{false, true} {
		family, missing, there := "", 0, 0
		r := tell(t, lab.Options{IPv6: ipv6}, func(s *lab.Script) {
			family = lab.PerFamily(s, "IPv4", "IPv6")
			missing, there = s.Client.SysctlOr("net.ipv4.there_is_none", 7), s.Client.SysctlOr("net.ipv4.tcp_sack", 7)
		})
		if r.Error != "" || family != map[bool]string{false: "IPv4", true: "IPv6"}[ipv6] || missing != 7 || there != 1 {
			t.Errorf("%s; %d, %d; %s", family, missing, there, r.Error)
		}
	}
}

// What a timer sends again is awaited where one runs, and only there.
func TestTryRetransmission(t *testing.T) {
	t.Parallel()
	var again, none, gone *lab.Segment
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		data := client.Segment("hello")
		again = data.Drop().TryRetransmission()
		again.Carry()
		none = data.TryRetransmission()
		server.Drain()
		server.Abort()
		s.Wire.Pass("server:RST,ACK")
		gone = data.TryRetransmission().Deliver()
	})
	if r.Error != "" || again.Len != 5 || !again.Again || none.Len != 0 || gone.Len != 0 {
		t.Errorf("%+v, %+v, %+v; %s", again, none, gone, r.Error)
	}
}
