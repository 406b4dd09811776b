// Package wire carries packets between the TUN devices of the hosts, one by
// one, and only when it is told to.
package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/tun"
)

// A Device is where a host's packets come out and go in: a *tun.Device.
type Device interface {
	FD() int                  // readable when there is a packet
	Read([]byte) (int, error) // 0 where there is none
	Write([]byte) error
}

// A Port is where a host is plugged into the wire.
type Port struct {
	Device Device
	Addrs  []netip.Addr
}

// A Packet is a segment that a host has put on the wire.
type Packet struct {
	ID   int // from 1, in the order in which packets are seen
	From int // index of the port
	Raw  []byte
	// Partial reports that there is no TCP checksum in Raw yet: see Wire.Header.
	Partial bool
	frame   []byte // Raw and what stands before it; nil for a packet that nobody has sent
	kept    bool   // by the record, and never used again
	segment.Segment
	SentAt time.Time // when it was seen on the wire, which may be some time later
	// Begun is when the action began in the course of which it was seen: it was
	// not sent before, if that has Provoked it.
	Begun time.Time
	// Provoked reports whether its host has sent it in the course of a delivery;
	// if not, a system call has sent it, or the kernel by itself.
	Provoked bool
	// RelSeq and RelAck are relative to the initial sequence numbers that the
	// wire has seen.
	RelSeq, RelAck uint32
	RelSACK        []segment.Block
	Retransmission bool // its sequence numbers have been sent before
	// LossProbe reports whether it repeats something as a tail loss probe.
	LossProbe bool
	// Probe reports whether it carries nothing, and has a sequence number that
	// lies before what was sent last: a keepalive or window probe.
	Probe bool
	// Older is by how many milliseconds a forged packet's timestamp is older than that
	// of the one that it was made of; Untimed is set where it has lost it.
	Older   int32
	Untimed bool
}

// ByTimer reports whether a timer has sent the packet, of which a story knows
// only where it asks: a segment sent before, or a probe, that nothing provoked.
func (p *Packet) ByTimer() bool { return (p.Retransmission || p.Probe) && !p.Provoked }

// maxFrame is more than a device gives at once.
const maxFrame = 65536 + tun.HeaderSize

// A Wire connects ports. Packets that hosts have sent wait on it, in order,
// until they are taken. It is not safe for concurrent use.
type Wire struct {
	ports   []Port
	cancel  int // descriptor that becomes readable when all waiting must end
	waiting []*Packet
	buf     []byte // of maxFrame bytes, for the next frame
	seen    int    // packets, and so the latest one's ID
	sent    int    // by hosts, but for what timers have sent
	begun   time.Time
	streams map[stream]*sent

	// Header is what stands before each packet on its way from one device to another:
	// 0, or tun.HeaderSize where all devices are made by tun.OpenOffload.
	Header int
	// Other, if not nil, is given each packet that is no TCP segment, or no whole one,
	// while raw is valid, and returns the port that receives it, or -1 where it is lost.
	// Without it such packets are lost.
	Other func(from int, raw []byte) (to int)
	// Recycles is set where a packet's Raw is nobody's any more after Recycle, but for
	// whoever has asked for it with Keep.
	Recycles     bool
	small, large buffers
}

type stream struct{ src, dst netip.AddrPort }

// sent is what the wire remembers of one direction of a connection.
type sent struct {
	isn, next uint32 // next: the highest sequence number sent, plus one
	acked     bool   // its SYN has been sent with an ACK
	before    *sent  // what the same ports sent in an earlier connection, or nil
}

// that returns what has sent a number: the other side may not know yet that there is
// another connection, and still speaks of the numbers of the one before.
func (s *sent) that(number uint32) *sent {
	if b := s.before; b != nil && number-s.isn > s.next-s.isn && number-b.isn <= b.next-b.isn {
		return b
	}
	return s
}

// ErrCanceled is returned by Wait when the descriptor given to New is readable.
var ErrCanceled = errors.New("interrupted")

// New returns a Wire between ports. Waiting ends with ErrCanceled as soon as
// the descriptor cancel is readable.
func New(cancel int, ports ...Port) *Wire {
	return &Wire{
		ports: ports, cancel: cancel, streams: map[stream]*sent{}, buf: make([]byte, maxFrame),
	}
}

// Waiting returns the packets on the wire, in the order in which they were
// seen. The slice is valid until the next call.
func (w *Wire) Waiting() []*Packet { return w.waiting }

// Since returns those of Waiting that came after the packet known: see Seen.
func (w *Wire) Since(known int) []*Packet {
	i := len(w.waiting)
	for i > 0 && w.waiting[i-1].ID > known {
		i--
	}
	return w.waiting[i:]
}

// Take removes the first packet for which match is true, or returns nil.
func (w *Wire) Take(match func(*Packet) bool) *Packet {
	i := slices.IndexFunc(w.waiting, match)
	if i < 0 {
		return nil
	}
	p := w.waiting[i]
	w.waiting = slices.Delete(w.waiting, i, i+1)
	return p
}

// TakeAll removes all packets.
func (w *Wire) TakeAll() []*Packet {
	all := w.waiting
	w.waiting = nil
	return all
}

// To returns the port that has an address.
func (w *Wire) To(a netip.Addr) (int, error) {
	if i := w.At(a); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("no host has the address %v", a)
}

// At returns the port that has an address, or -1.
func (w *Wire) At(a netip.Addr) int {
	return slices.IndexFunc(w.ports, func(p Port) bool { return slices.Contains(p.Addrs, a) })
}

// Write lets the host at port to receive a packet that nobody has sent.
func (w *Wire) Write(to int, raw []byte) error {
	if w.Header > 0 {
		raw = append(make([]byte, w.Header, w.Header+len(raw)), raw...)
	}
	return w.ports[to].Device.Write(raw)
}

// Hand lets the host at port to receive a packet. Where devices have a header, Raw is as
// it came.
func (w *Wire) Hand(to int, p *Packet) error {
	if w.Header == 0 || p.frame == nil {
		return w.Write(to, p.Raw)
	}
	return w.ports[to].Device.Write(p.frame)
}

// Begin notes that an action of the story begins: a system call, or a delivery.
func (w *Wire) Begin(now time.Time) { w.begun = now }

// Drain takes in everything that the host at port from has sent by now: by
// itself or, where provoked is true, in the course of the latest delivery.
func (w *Wire) Drain(from int, provoked bool) error {
	for {
		n, err := w.ports[from].Device.Read(w.buf)
		if err != nil || n == 0 {
			return err
		}
		if err := w.add(from, w.frame(n), provoked); err != nil {
			return err
		}
	}
}

// Wait waits until a host has sent something that is a TCP segment, or until
// the deadline, which is no error.
func (w *Wire) Wait(deadline time.Time) error {
	before := w.seen
	for {
		fds := make([]unix.PollFd, 0, len(w.ports)+1)
		for _, p := range w.ports {
			fds = append(fds, unix.PollFd{Fd: int32(p.Device.FD()), Events: unix.POLLIN})
		}
		fds = append(fds, unix.PollFd{Fd: int32(w.cancel), Events: unix.POLLIN})
		if err := Poll(fds, deadline); err != nil {
			return err
		}
		if fds[len(w.ports)].Revents != 0 {
			return ErrCanceled
		}
		for i := range w.ports {
			if fds[i].Revents != 0 {
				if err := w.Drain(i, false); err != nil {
					return fmt.Errorf("device of %v: %w", w.ports[i].Addrs, err)
				}
			}
		}
		if w.seen != before || !time.Now().Before(deadline) {
			return nil
		}
	}
}

// Poll is poll(2) with a deadline. It returns early only if a descriptor is ready,
// and ends in time however many signals interrupt it: a descriptor that is ready is
// told before a signal.
func Poll(fds []unix.PollFd, deadline time.Time) error {
	for {
		left := unix.NsecToTimespec(max(0, time.Until(deadline).Nanoseconds()))
		_, err := unix.Ppoll(fds, &left, nil)
		if err != unix.EINTR {
			return os.NewSyscallError("ppoll", err)
		}
		if !time.Now().Before(deadline) {
			return nil
		}
	}
}

// add puts a packet on the wire, which keeps its frame. What is not TCP (router solicitations,
// multicast reports) is no part of any story and is lost here, if there is no Other.
func (w *Wire) add(from int, frame []byte, provoked bool) error {
	if len(frame) < w.Header {
		return fmt.Errorf("a frame of %d bytes", len(frame))
	}
	raw := frame[w.Header:]
	seg, err := segment.Decode(raw)
	switch {
	case err != nil && w.Other != nil:
		if to := w.Other(from, raw); to >= 0 {
			return w.ports[to].Device.Write(frame)
		}
		return nil
	case errors.Is(err, segment.ErrNotTCP):
		return nil
	}
	if err != nil {
		return err
	}
	w.seen++
	p := &Packet{
		ID: w.seen, From: from, Raw: raw, frame: frame, Segment: seg,
		SentAt: time.Now(), Begun: w.begun, Provoked: provoked,
	}
	p.Partial = w.Header > 0 && tun.Partial(frame)
	w.relate(p)
	if !p.ByTimer() {
		w.sent++
	}
	w.waiting = append(w.waiting, p)
	return nil
}

// Forged returns a packet that nobody has sent: raw, in place of p and with
// numbers relative to the same connection.
func (w *Wire) Forged(p *Packet, raw []byte) (*Packet, error) {
	seg, err := segment.Decode(raw)
	if err != nil {
		return nil, err
	}
	w.seen++
	f := &Packet{
		ID: w.seen, From: p.From, Raw: raw, Segment: seg, SentAt: time.Now(), Begun: w.begun,
		RelSeq: p.RelSeq + seg.Seq - p.Seq, RelAck: p.RelAck + seg.Ack - p.Ack, RelSACK: relative(seg.SACK, p.Ack-p.RelAck),
	}
	switch {
	case p.Clock.Valid && seg.Clock.Valid:
		f.Older = p.Older + int32(p.Clock.MS-seg.Clock.MS)
	case p.Clock.Valid:
		f.Untimed = true
	}
	return f, nil
}

// Crafted returns a packet that nobody has sent and that stands for no other.
func (w *Wire) Crafted(from int, raw []byte) (*Packet, error) {
	seg, err := segment.Decode(raw)
	if err != nil {
		return nil, err
	}
	w.seen++
	p := &Packet{ID: w.seen, From: from, Raw: raw, Segment: seg, SentAt: time.Now(), Begun: w.begun}
	p.RelSeq, p.RelAck = p.Seq-w.Initial(p.Src, p.Dst), 0
	if p.Flags&segment.ACK != 0 {
		initial := w.Initial(p.Dst, p.Src)
		p.RelAck, p.RelSACK = p.Ack-initial, relative(p.SACK, initial)
	}
	return p, nil
}

// relative returns SACK blocks in numbers relative to an initial one.
func relative(blocks []segment.Block, initial uint32) []segment.Block {
	var relative []segment.Block
	for _, b := range blocks {
		relative = append(relative, segment.Block{Left: b.Left - initial, Right: b.Right - initial})
	}
	return relative
}

// Initial returns the initial sequence number that the wire has seen in one
// direction of a connection, and 0 where it has seen none.
func (w *Wire) Initial(src, dst netip.AddrPort) uint32 {
	if s := w.streams[stream{src, dst}]; s != nil {
		return s.isn
	}
	return 0
}

// relate works out the packet's relative numbers, and whether it was sent before.
func (w *Wire) relate(p *Packet) {
	p.RelSeq, p.RelAck = p.Seq, 0
	syn, ack := p.Flags&segment.SYN != 0, p.Flags&segment.ACK != 0
	out := w.streams[stream{p.Src, p.Dst}]
	if syn && (out == nil || out.isn != p.Seq) {
		out = &sent{isn: p.Seq, next: p.Seq, before: out} // a new incarnation of the connection
		if out.before != nil {
			out.before.before = nil
		}
		w.streams[stream{p.Src, p.Dst}] = out
	}
	if out != nil && !syn {
		out = out.that(p.Seq)
	}
	if out != nil { // otherwise a reset by a host that has sent nothing else: absolute
		p.RelSeq = p.Seq - out.isn
		end := p.Seq + p.SeqLen()
		p.Retransmission = p.SeqLen() > 0 && int32(end-out.next) <= 0
		if syn && ack {
			// Where two SYNs have crossed, the SYN goes out once more with an
			// ACK: that is an answer, and no retransmission.
			p.Retransmission = p.Retransmission && out.acked
			out.acked = true
		}
		p.Probe = p.SeqLen() == 0 && p.Flags == segment.ACK && int32(p.Seq-out.next) < 0
		if int32(end-out.next) > 0 {
			out.next = end
		}
	}
	if ack {
		p.RelAck = p.Ack
		if in := w.streams[stream{p.Dst, p.Src}]; in != nil {
			in = in.that(p.Ack)
			p.RelAck, p.RelSACK = p.Ack-in.isn, relative(p.SACK, in.isn)
		}
	}
}

// Seen returns how many packets have been put on the wire so far, which is the ID of the
// latest.
func (w *Wire) Seen() int { return w.seen }

// Sent returns how many packets hosts have put on the wire, but for those that a
// timer has sent.
func (w *Wire) Sent() int { return w.sent }
