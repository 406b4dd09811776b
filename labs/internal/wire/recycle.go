package wire

import "slices"

// A wire that carries much data needs a buffer for each packet, and not for long. To
// make one each time keeps Go's garbage collector as busy as the wire: so they are used
// again. There are two sizes: most packets are no longer than an MTU, and the others may
// be as long as a burst gets.
const smallFrame = 2048

type buffers struct{ small, large [][]byte }

// of returns the buffers for frames of a length, and how long these are.
func (b *buffers) of(length int) (free *[][]byte, size int) {
	if length <= smallFrame {
		return &b.small, smallFrame
	}
	return &b.large, maxFrame
}

// clone returns a copy of a frame, in a buffer that was used before if there is one.
func (w *Wire) clone(frame []byte) []byte {
	if !w.Recycles {
		return slices.Clone(frame)
	}
	free, size := w.buffers.of(len(frame))
	var buf []byte
	if last := len(*free) - 1; last >= 0 {
		buf = (*free)[last]
		*free = (*free)[:last]
	} else {
		buf = make([]byte, size)
	}
	return buf[:copy(buf[:len(frame)], frame)]
}

// Recycle takes back the buffer of a packet that nobody needs any more.
func (w *Wire) Recycle(p *Packet) {
	frame := p.frame
	if !w.Recycles || frame == nil {
		return
	}
	p.frame, p.Raw, p.Data, p.Options = nil, nil, nil, nil
	free, size := w.buffers.of(cap(frame))
	*free = append(*free, frame[:size])
}
