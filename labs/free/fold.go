package free

import (
	"github.com/tcplab/tcplab/labs/internal/segment"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/record"
)

// DefaultFold is what Options.Fold is unless it is set.
const DefaultFold = 20

// foldState is what the carrier knows of a connection's data while that goes by.
type foldState struct {
	ordinary int // segments in a row that are nothing but data and acknowledgements
	bulk     *record.Bulk
}

// counts reports whether a segment is one of many alike, which are only counted: after
// so many of a connection in a row, until something else happens on it. Otherwise it
// has told of those before.
func (c *carrier) counts(p *wire.Packet) bool {
	if c.fold == 0 {
		return false
	}
	f := c.stream(p).fold
	if !ordinary(p) {
		return false // tell begins anew
	}
	if f.ordinary++; f.ordinary <= c.fold {
		return false
	}
	from := c.g.Hosts[p.From].Name
	if f.bulk == nil {
		f.bulk = &record.Bulk{From: from, Src: p.Src, Dst: p.Dst, SinceUS: c.g.Journal.Since(p.SentAt).Microseconds()}
	}
	if b := f.bulk; b.Src == p.Src {
		b.Segments++
		b.Bytes += int64(p.Len)
	} else {
		b.Back++
		b.BackBytes += int64(p.Len)
	}
	return true
}

// ordinary reports whether a segment is data, or its acknowledgement, as it mostly is.
func ordinary(p *wire.Packet) bool {
	return p.Flags&^segment.PSH == segment.ACK && !p.Retransmission && !p.Probe && len(p.SACK) == 0 && p.Window > 0 && p.Urgent == 0
}

// tell tells how many segments of a packet's connection were only counted, and begins
// anew.
func (c *carrier) tell(p *wire.Packet) error {
	f := c.stream(p).fold
	f.ordinary = 0
	return c.tellBulk(f)
}

// tellIf is tell where the packet itself was only counted.
func (c *carrier) tellIf(counted bool, p *wire.Packet) error {
	if !counted {
		return nil
	}
	return c.tell(p)
}

func (c *carrier) tellBulk(f *foldState) error {
	b := f.bulk
	if b == nil {
		return nil
	}
	f.bulk = nil
	if b.BackBytes > b.Bytes {
		if to, err := c.g.Peer(b.Dst.Addr()); err == nil {
			b.From = to.Name
		}
		b.Src, b.Dst = b.Dst, b.Src
		b.Segments, b.Back, b.Bytes, b.BackBytes = b.Back, b.Segments, b.BackBytes, b.Bytes
	}
	return c.g.Journal.Add(b)
}

// tellAll tells of all that were only counted.
func (c *carrier) tellAll() error {
	for _, f := range c.folded {
		if err := c.tellBulk(f); err != nil {
			return err
		}
	}
	return nil
}
