package wire

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/segment"
)

const client, server = 0, 1

// A step is what a test lets a host send, and what the wire must make of it.
type step struct {
	from     int
	flags    string
	seq, ack uint32
	data     string

	relSeq, relAck uint32
	again          bool
}

const isnS = 7000

var isnC uint32 = 4294967290 // the client's numbers wrap around

func TestRelate(t *testing.T) {
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"a connection", []step{
			{client, "S", isnC, 0, "", 0, 0, false},
			{server, "SA", isnS, isnC + 1, "", 0, 1, false},
			{client, "A", isnC + 1, isnS + 1, "", 1, 1, false},
			{client, "PA", isnC + 1, isnS + 1, "hello", 1, 1, false},
			{server, "A", isnS + 1, 0, "", 1, 6, false}, // isnC + 6, wrapped around
			{client, "FA", 0, isnS + 1, "", 6, 1, false},
			{server, "FA", isnS + 1, 1, "", 1, 7, false},
			{client, "A", 1, isnS + 2, "", 7, 2, false},
		}},
		{"retransmissions", []step{
			{client, "S", isnC, 0, "", 0, 0, false},
			{client, "S", isnC, 0, "", 0, 0, true},
			{server, "SA", isnS, isnC + 1, "", 0, 1, false},
			{server, "SA", isnS, isnC + 1, "", 0, 1, true},
			{client, "A", isnC + 1, isnS + 1, "", 1, 1, false},
			{client, "A", isnC + 1, isnS + 1, "", 1, 1, false}, // it takes no room, so it is never one
			{client, "PA", isnC + 1, isnS + 1, "hello", 1, 1, false},
			{client, "PA", isnC + 1, isnS + 1, "hello", 1, 1, true},
			{client, "PA", isnC + 1, isnS + 1, "he", 1, 1, true},            // a part of it
			{client, "PA", isnC + 1, isnS + 1, "hello, world", 1, 1, false}, // there is something new in it
			{client, "FA", 7, isnS + 1, "", 13, 1, false},
			{client, "FA", 7, isnS + 1, "", 13, 1, true},
		}},
		// Two SYNs cross: each goes out once more with an ACK, which is an
		// answer. Only the second of those is a retransmission.
		{"simultaneous open", []step{
			{client, "S", isnC, 0, "", 0, 0, false},
			{server, "S", isnS, 0, "", 0, 0, false},
			{client, "SA", isnC, isnS + 1, "", 0, 1, false},
			{server, "SA", isnS, isnC + 1, "", 0, 1, false},
			{client, "SA", isnC, isnS + 1, "", 0, 1, true},
			{server, "S", isnS, 0, "", 0, 0, true},
		}},
		{"the same ports once more", []step{
			{client, "S", isnC, 0, "", 0, 0, false},
			{server, "RA", 0, isnC + 1, "", 0, 1, false}, // it has sent no SYN: its own number
			{client, "S", 5, 0, "", 0, 0, false},         // another incarnation
			{server, "SA", isnS, 6, "", 0, 1, false},
		}},
		// The client has restarted, and the server does not know it yet.
		{"the same ports while the other side has the old connection", []step{
			{client, "S", 100, 0, "", 0, 0, false},
			{server, "SA", isnS, 101, "", 0, 1, false},
			{client, "PA", 101, isnS + 1, "hello", 1, 1, false},
			{client, "S", 5000, 0, "", 0, 0, false},
			{server, "A", isnS + 1, 106, "", 1, 6, false}, // of the old connection
			{client, "R", 106, 0, "", 6, 0, false},
			{client, "S", 5000, 0, "", 0, 0, true},
			{server, "SA", isnS + 9, 5001, "", 0, 1, false},
			{client, "A", 5001, isnS + 10, "", 1, 1, false},
		}},
		{"Fast Open", []step{
			{client, "S", isnC, 0, "hello", 0, 0, false},
			{client, "S", isnC, 0, "hello", 0, 0, true},
			{server, "SA", isnS, 0, "", 0, 6, false},
			{client, "S", isnC, 0, "", 0, 0, true}, // without the data, after a time
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, hosts := plug(t)
			for i, s := range test.steps {
				hosts[s.from].send(t, s.packet(t))
				if err := w.Drain(s.from, false); err != nil {
					t.Fatal(err)
				}
				if n := len(w.Waiting()); n != 1 {
					t.Fatalf("%d packets on the wire after %d", n, i+1)
				}
				p := w.Take(func(*Packet) bool { return true })
				got := s
				got.relSeq, got.relAck, got.again = p.RelSeq, p.RelAck, p.Retransmission
				if diff := cmp.Diff(s, got, cmp.AllowUnexported(step{})); diff != "" {
					t.Errorf("step %d (-want +got):\n%s", i, diff)
				}
				if p.ID != i+1 || p.From != s.from || p.Len != len(s.data) {
					t.Errorf("step %d: ID %d from %d with %d bytes", i, p.ID, p.From, p.Len)
				}
			}
		})
	}
}

// Connections keep their own numbers, whatever else is on the wire.
func TestRelateConnections(t *testing.T) {
	w, hosts := plug(t)
	for i := range 3 {
		hosts[client].send(t, packet(t, client, uint16(40000+i), "S", uint32(100*i), 0, ""))
		hosts[client].send(t, packet(t, client, uint16(40000+i), "PA", uint32(100*i+1), 0, "x"))
	}
	if err := w.Drain(client, false); err != nil {
		t.Fatal(err)
	}
	for i, p := range w.Waiting() {
		if want := uint32(i % 2); p.RelSeq != want || p.Retransmission {
			t.Errorf("packet %d: seq %d, again %v", i, p.RelSeq, p.Retransmission)
		}
	}
}

func TestTake(t *testing.T) {
	w, hosts := plug(t)
	for seq := range uint32(4) {
		hosts[client].send(t, packet(t, client, 40000, "S", seq, 0, ""))
	}
	if err := w.Drain(client, false); err != nil {
		t.Fatal(err)
	}
	isn := func(n uint32) func(*Packet) bool { return func(p *Packet) bool { return p.Seq == n } }
	if p := w.Take(isn(9)); p != nil {
		t.Errorf("took %+v, which is none", p)
	}
	// Past others, which keep their order; then the first of those that match.
	var took []uint32
	for _, match := range []func(*Packet) bool{isn(2), func(*Packet) bool { return true }, isn(3), isn(1)} {
		if p := w.Take(match); p != nil {
			took = append(took, p.Seq)
		}
	}
	if diff := cmp.Diff([]uint32{2, 0, 3, 1}, took); diff != "" {
		t.Error("taken (-want +got):\n" + diff)
	}
	if len(w.Waiting()) != 0 || w.Seen() != 4 {
		t.Errorf("%d are left of %d", len(w.Waiting()), w.Seen())
	}
}

func TestWriteAndTo(t *testing.T) {
	w, hosts := plug(t)
	hosts[client].send(t, packet(t, client, 40000, "S", 1, 0, ""))
	if err := w.Drain(client, false); err != nil {
		t.Fatal(err)
	}
	p := w.Take(func(*Packet) bool { return true })
	to, err := w.To(p.Dst.Addr())
	if err != nil || to != server {
		t.Fatalf("To = %d, %v; want the server", to, err)
	}
	if err := w.Write(to, p.Raw); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Raw, hosts[server].receive(t)); diff != "" {
		t.Error("received (-want +got):\n" + diff)
	}
	if _, err := w.To(netip.MustParseAddr("192.0.2.9")); err == nil {
		t.Error("To an address of nobody is no error")
	}
}

// A packet that was given other bytes on its way is handed over with these.
func TestHandChanged(t *testing.T) {
	w, hosts := plug(t)
	hosts[client].send(t, packet(t, client, 40000, "S", 1, 0, ""))
	if err := w.Drain(client, false); err != nil {
		t.Fatal(err)
	}
	p := w.Take(func(*Packet) bool { return true })
	marked := *p
	marked.Raw = segment.SetECN(p.Raw, segment.CE)
	for _, p := range []*Packet{p, &marked} {
		if err := w.Hand(server, p); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p.Raw, hosts[server].receive(t)); diff != "" {
			t.Error("received (-want +got):\n" + diff)
		}
	}
}

func TestWait(t *testing.T) {
	w, hosts := plug(t)
	begin := time.Now()
	deadline := begin.Add(20 * time.Millisecond)
	if err := w.Wait(deadline); err != nil || time.Now().Before(deadline) || w.Seen() != 0 {
		t.Errorf("with nothing sent: %v after %v, %d seen", err, time.Since(begin), w.Seen())
	}
	// What is no TCP does not end a wait, and is not seen.
	hosts[server].send(t, notTCP)
	deadline = time.Now().Add(20 * time.Millisecond)
	if err := w.Wait(deadline); err != nil || time.Now().Before(deadline) || w.Seen() != 0 {
		t.Errorf("with another protocol: %v, %d seen", err, w.Seen())
	}
	hosts[server].send(t, notTCP)
	hosts[server].send(t, packet(t, server, 40000, "S", 1, 0, ""))
	if err := w.Wait(time.Now().Add(time.Hour)); err != nil || w.Seen() != 1 {
		t.Errorf("with a SYN: %v, %d seen", err, w.Seen())
	}
	// A deadline that is past still takes in what is there.
	hosts[client].send(t, packet(t, client, 40000, "S", 1, 0, ""))
	if err := w.Wait(begin); err != nil || w.Seen() != 2 {
		t.Errorf("with a deadline in the past: %v, %d seen", err, w.Seen())
	}
}

func TestWaitCanceled(t *testing.T) {
	w, _ := plug(t)
	go func() { _, _ = unix.Write(w.cancel, []byte{7: 1}) }()
	if err := w.Wait(time.Now().Add(time.Hour)); !errors.Is(err, ErrCanceled) {
		t.Errorf("Wait = %v, want ErrCanceled", err)
	}
	if err := w.Wait(time.Now()); !errors.Is(err, ErrCanceled) {
		t.Errorf("Wait once more = %v, want ErrCanceled", err)
	}
}

func TestDamaged(t *testing.T) {
	w, hosts := plug(t)
	hosts[client].send(t, packet(t, client, 40000, "S", 1, 0, "")[:30])
	if err := w.Drain(client, false); err == nil || w.Seen() != 0 {
		t.Errorf("a packet that was cut short: %v, %d seen", err, w.Seen())
	}
}

// notTCP is a packet that Decode calls ErrNotTCP.
var notTCP = []byte{0x60, 0, 0, 0, 0, 8, 58, 1, 40: 0x8f, 47: 0}

// A host is the far side of a Device: a socket that keeps packets apart.
type host struct{ fd int }

type device struct{ fd int }

func (d device) FD() int { return d.fd }

func (d device) Read(b []byte) (int, error) {
	n, err := unix.Read(d.fd, b)
	if err == unix.EAGAIN {
		return 0, nil
	}
	return n, err
}

func (d device) Write(b []byte) error {
	_, err := unix.Write(d.fd, b)
	return err
}

// plug makes a wire between two hosts.
func plug(t testing.TB) (*Wire, [2]host) {
	t.Helper()
	var hosts [2]host
	var ports [2]Port
	for i := range hosts {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fds[0]); _ = unix.Close(fds[1]) })
		hosts[i] = host{fds[0]}
		ports[i] = Port{Device: device{fds[1]}, Addrs: []netip.Addr{address(i)}}
	}
	cancel, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(cancel) })
	return New(cancel, ports[:]...), hosts
}

func (h host) send(t *testing.T, raw []byte) {
	t.Helper()
	if _, err := unix.Write(h.fd, raw); err != nil {
		t.Fatal(err)
	}
}

func (h host) receive(t *testing.T) []byte {
	t.Helper()
	b := make([]byte, 2048)
	n, err := unix.Read(h.fd, b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func address(host int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", host+1))
}

func (s step) packet(t *testing.T) []byte {
	t.Helper()
	return packet(t, s.from, 40000, s.flags, s.seq, s.ack, s.data)
}

// packet makes a segment between the client's port and port 80 of the server.
func packet(t testing.TB, from int, clientPort uint16, flags string, seq, ack uint32, data string) []byte {
	t.Helper()
	ip := &layers.IPv4{
		Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP,
		SrcIP: net.IP(address(from).AsSlice()), DstIP: net.IP(address(1 - from).AsSlice()),
	}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(clientPort), DstPort: 80, Seq: seq, Ack: ack, Window: 502}
	if from == server {
		tcp.SrcPort, tcp.DstPort = tcp.DstPort, tcp.SrcPort
	}
	for _, f := range flags {
		switch f {
		case 'S':
			tcp.SYN = true
		case 'A':
			tcp.ACK = true
		case 'P':
			tcp.PSH = true
		case 'F':
			tcp.FIN = true
		case 'R':
			tcp.RST = true
		}
	}
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, tcp, gopacket.Payload(data))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What repeats, or asks, and was not provoked by a delivery, is a timer's.
func TestByTimer(t *testing.T) {
	w, hosts := plug(t)
	take := func(from int, provoked bool, flags string, seq, ack uint32, data string) *Packet {
		t.Helper()
		hosts[from].send(t, packet(t, from, 40000, flags, seq, ack, data))
		if err := w.Drain(from, provoked); err != nil {
			t.Fatal(err)
		}
		return w.Take(func(*Packet) bool { return true })
	}
	for i, test := range []struct {
		provoked         bool
		flags            string
		seq              uint32
		data             string
		again, probe, by bool
	}{
		{false, "S", isnC, "", false, false, false},
		{false, "S", isnC, "", true, false, true},
		{true, "A", isnC + 1, "", false, false, false},
		{false, "A", isnC + 1, "", false, false, false}, // put off
		{false, "PA", isnC + 1, "hello", false, false, false},
		{false, "A", 0, "", false, false, false},      // what comes next is at 0: it asks nothing
		{false, "A", isnC + 5, "", false, true, true}, // it asks
		{true, "A", isnC + 5, "", false, true, false},
		{false, "PA", isnC + 1, "hello", true, false, true},
		{true, "PA", isnC + 1, "hello", true, false, false}, // fast retransmit
		{false, "FA", 0, "", false, false, false},
		{false, "A", isnC + 5, "", false, true, true},
	} {
		p := take(client, test.provoked, test.flags, test.seq, isnS+1, test.data)
		if p.Retransmission != test.again || p.Probe != test.probe || p.ByTimer() != test.by || p.Provoked != test.provoked {
			t.Errorf("%d: again %t, probe %t, by a timer %t, provoked %t; want %+v", i, p.Retransmission, p.Probe, p.ByTimer(), p.Provoked, test)
		}
	}
	if w.Seen() != 12 || w.Sent() != 8 {
		t.Errorf("%d seen, of which %d were not sent by a timer; want 12 and 8", w.Seen(), w.Sent())
	}
}

// What nobody has sent has numbers relative to the same connection, and leaves the
// wire's memory of it as it is.
func TestNeverSent(t *testing.T) {
	w, hosts := plug(t)
	for from, raw := range [][]byte{packet(t, client, 40000, "S", isnC, 0, ""), packet(t, server, 40000, "SA", isnS, isnC+1, "")} {
		hosts[from].send(t, raw)
		if err := w.Drain(from, false); err != nil {
			t.Fatal(err)
		}
	}
	sent := w.Take(func(p *Packet) bool { return p.From == client })
	forged, err := w.Forged(sent, packet(t, client, 40000, "A", isnC+9, isnS+3, ""))
	if err != nil || forged.RelSeq != 9 || forged.RelAck != isnS+3 { // the SYN had no ACK to go by
		t.Errorf("forged: seq %d, ack %d, %v", forged.RelSeq, forged.RelAck, err)
	}
	for _, test := range []struct {
		raw      []byte
		seq, ack uint32
		from, id int
	}{
		{raw: packet(t, server, 40000, "RA", isnS+1, isnC+7, ""), seq: 1, ack: 7, from: server, id: 4},
		{raw: packet(t, server, 40000, "R", isnS+2, 5, ""), seq: 2, ack: 0, from: server, id: 5},
		{raw: packet(t, client, 40001, "RA", 5, 6, ""), seq: 5, ack: 6, from: client, id: 6}, // of which nothing was seen
	} {
		p, err := w.Crafted(test.from, test.raw)
		if err != nil || p.RelSeq != test.seq || p.RelAck != test.ack || p.From != test.from || p.ID != test.id || p.Retransmission || p.ByTimer() {
			t.Errorf("crafted: %+v, %v; want %+v", p, err, test)
		}
	}
	if _, err := w.Crafted(client, packet(t, client, 40000, "S", 1, 0, "")[:30]); err == nil {
		t.Error("crafted: half a packet is no error")
	}
	options, err := segment.ParseOptions(fmt.Sprintf("nop,nop,sack 1 {%d:%d}", isnS+11, isnS+21))
	if err != nil {
		t.Fatal(err)
	}
	selective, err := segment.Build(address(client), address(server), segment.TCP{
		SrcPort: 40000, DstPort: 80, Seq: isnC + 1, Ack: isnS + 1, Flags: segment.ACK, Options: options,
	})
	if err != nil {
		t.Fatal(err)
	}
	crafted, err := w.Crafted(client, selective)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := w.Forged(crafted, selective)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Packet{crafted, copied} {
		if diff := cmp.Diff([]segment.Block{{Left: 11, Right: 21}}, p.RelSACK); diff != "" {
			t.Errorf("SACK blocks of what nobody has sent (-want +got):\n%s", diff)
		}
	}
	hosts[server].send(t, packet(t, server, 40000, "PA", isnS+1, isnC+1, "x"))
	if err := w.Drain(server, false); err != nil {
		t.Fatal(err)
	}
	last := w.Waiting()[len(w.Waiting())-1]
	if last.RelSeq != 1 || last.Retransmission {
		t.Errorf("after that: seq %d, again %t", last.RelSeq, last.Retransmission)
	}
}
