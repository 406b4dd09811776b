package free

import (
	"net/netip"

	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// resetBoth gives both ends of a segment's connection a RST, each with the sequence
// number that it waits for: another is not obeyed (RFC 5961 §3.2).
func (c *carrier) resetBoth(p *wire.Packet) error {
	back := c.streams[stream{p.Dst, p.Src}]
	answer := segment.TCP{SrcPort: p.Dst.Port(), DstPort: p.Src.Port(), Flags: segment.RST}
	switch {
	case back != nil:
		answer.Seq = back.next
	case p.Flags&segment.ACK != 0:
		answer.Seq = p.Ack
	default: // a SYN: its sender goes by the acknowledgement number
		answer.Flags, answer.Ack = segment.RST|segment.ACK, p.Seq+p.SeqLen()
	}
	if there := c.streams[streamOf(p)]; there != nil {
		on := segment.TCP{SrcPort: p.Src.Port(), DstPort: p.Dst.Port(), Flags: segment.RST, Seq: there.next}
		if err := c.forge(p.Src, p.Dst, on); err != nil {
			return err
		}
	}
	return c.forge(p.Dst, p.Src, answer)
}

// forge hands over a segment that no host has sent.
func (c *carrier) forge(src, dst netip.AddrPort, t segment.TCP) error {
	raw, err := segment.Build(src.Addr(), dst.Addr(), t)
	if err != nil {
		return err
	}
	from, err := c.g.Peer(src.Addr())
	if err != nil {
		return err
	}
	p, err := c.g.Craft(from.End(rig.Pair{Local: src, Remote: dst}, false), raw)
	if err != nil {
		return err
	}
	return c.hand(p, record.Injected, true)
}
