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
	Addr   netip.Addr
}

// A Packet is a segment that a host has put on the wire.
type Packet struct {
	ID   int // from 1, in the order in which packets are seen
	From int // index of the port
	Raw  []byte
	segment.Segment
	SentAt time.Time
	// RelSeq and RelAck are relative to the initial sequence numbers that the
	// wire has seen.
	RelSeq, RelAck uint32
	Retransmission bool // its sequence numbers have been sent before
	// Nth is, of a packet that was taken, the how-many-th with these flags from
	// this host, from 1. What a timer has sent again and nobody takes has no number.
	Nth int
}

// maxPacket is more than any device's MTU here.
const maxPacket = 65536

// A Wire connects ports. Packets that hosts have sent wait on it, in order,
// until they are taken. It is not safe for concurrent use.
type Wire struct {
	ports   []Port
	cancel  int // descriptor that becomes readable when all waiting must end
	waiting []*Packet
	decoder *segment.Decoder
	buf     [maxPacket]byte
	seen    int // packets, and so the latest one's ID
	sent    int // by hosts, but for retransmissions
	nth     map[name]int
	streams map[stream]*sent
}

type name struct {
	from  int
	flags segment.Flags
}

type stream struct{ src, dst netip.AddrPort }

// sent is what the wire remembers of one direction of a connection.
type sent struct {
	isn, next uint32 // next: the highest sequence number sent, plus one
	acked     bool   // its SYN has been sent with an ACK
}

// ErrCanceled is returned by Wait when the descriptor given to New is readable.
var ErrCanceled = errors.New("interrupted")

// New returns a Wire between ports. Waiting ends with ErrCanceled as soon as
// the descriptor cancel is readable.
func New(cancel int, ports ...Port) *Wire {
	return &Wire{
		ports: ports, cancel: cancel, decoder: segment.NewDecoder(),
		nth: map[name]int{}, streams: map[stream]*sent{},
	}
}

// Waiting returns the packets on the wire, in the order in which they were
// seen. The slice is valid until the next call.
func (w *Wire) Waiting() []*Packet { return w.waiting }

// Take removes the first packet for which match is true, or returns nil.
func (w *Wire) Take(match func(*Packet) bool) *Packet {
	i := slices.IndexFunc(w.waiting, match)
	if i < 0 {
		return nil
	}
	p := w.waiting[i]
	w.waiting = slices.Delete(w.waiting, i, i+1)
	key := name{p.From, p.Flags}
	w.nth[key]++
	p.Nth = w.nth[key]
	return p
}

// To returns the port that has the packet's destination address.
func (w *Wire) To(p *Packet) (int, error) {
	for i, port := range w.ports {
		if port.Addr == p.Dst.Addr() {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no host has the address %v", p.Dst.Addr())
}

// Write lets the host at port to receive a packet.
func (w *Wire) Write(to int, raw []byte) error { return w.ports[to].Device.Write(raw) }

// Drain takes in everything that the host at port from has sent by now.
func (w *Wire) Drain(from int) error {
	for {
		n, err := w.ports[from].Device.Read(w.buf[:])
		if err != nil || n == 0 {
			return err
		}
		if err := w.add(from, w.buf[:n]); err != nil {
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
				if err := w.Drain(i); err != nil {
					return fmt.Errorf("device of %v: %w", w.ports[i].Addr, err)
				}
			}
		}
		if w.seen != before || !time.Now().Before(deadline) {
			return nil
		}
	}
}

// Poll is poll(2) with a deadline. It returns early only if a descriptor is ready.
func Poll(fds []unix.PollFd, deadline time.Time) error {
	for {
		left := unix.NsecToTimespec(max(0, time.Until(deadline).Nanoseconds()))
		_, err := unix.Ppoll(fds, &left, nil)
		if err != unix.EINTR {
			return os.NewSyscallError("ppoll", err)
		}
	}
}

// add puts a packet on the wire. What is not TCP (router solicitations,
// multicast reports) is no part of any story and is lost here.
func (w *Wire) add(from int, raw []byte) error {
	seg, err := w.decoder.Decode(raw)
	if errors.Is(err, segment.ErrNotTCP) {
		return nil
	}
	if err != nil {
		return err
	}
	w.seen++
	p := &Packet{ID: w.seen, From: from, Raw: slices.Clone(raw), Segment: seg, SentAt: time.Now()}
	w.relate(p)
	if !p.Retransmission {
		w.sent++
	}
	w.waiting = append(w.waiting, p)
	return nil
}

// Forged returns a packet that nobody has sent: raw, in the stead of p and with
// numbers relative to the same connection.
func (w *Wire) Forged(p *Packet, raw []byte) (*Packet, error) {
	seg, err := w.decoder.Decode(raw)
	if err != nil {
		return nil, err
	}
	w.seen++
	return &Packet{
		ID: w.seen, From: p.From, Raw: raw, Segment: seg, SentAt: time.Now(), Nth: p.Nth,
		RelSeq: p.RelSeq + seg.Seq - p.Seq, RelAck: p.RelAck + seg.Ack - p.Ack,
	}, nil
}

// relate works out the packet's relative numbers, and whether it was sent before.
func (w *Wire) relate(p *Packet) {
	p.RelSeq, p.RelAck = p.Seq, 0
	syn, ack := p.Flags&segment.SYN != 0, p.Flags&segment.ACK != 0
	out := w.streams[stream{p.Src, p.Dst}]
	if syn && (out == nil || out.isn != p.Seq) {
		out = &sent{isn: p.Seq, next: p.Seq} // a new incarnation of the connection
		w.streams[stream{p.Src, p.Dst}] = out
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
		if int32(end-out.next) > 0 {
			out.next = end
		}
	}
	if ack {
		p.RelAck = p.Ack
		if in := w.streams[stream{p.Dst, p.Src}]; in != nil {
			p.RelAck = p.Ack - in.isn
		}
	}
}

// Seen returns how many packets have been put on the wire so far.
func (w *Wire) Seen() int { return w.seen }

// Sent returns how many packets hosts have put on the wire for the first time.
func (w *Wire) Sent() int { return w.sent }
