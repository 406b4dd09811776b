package wire

import "slices"

// A wire that carries much data needs a buffer for each packet, and not for long. To
// make one each time keeps Go's garbage collector as busy as the wire: so they are used
// again. There are two sizes: most packets are no longer than an MTU, and the others may
// be as long as a burst gets.
const smallFrame = 2048

// buffers are free ones, of one size.
type buffers [][]byte

// take returns a buffer that was used before, or else a new one.
func (b *buffers) take(size int) []byte {
	last := len(*b) - 1
	if last < 0 {
		return make([]byte, size)
	}
	buf := (*b)[last]
	*b = (*b)[:last]
	return buf
}

// frame returns the first bytes of w.buf as a frame that is nobody else's. One that is
// long is not copied: it keeps the buffer, and w.buf becomes another.
func (w *Wire) frame(length int) []byte {
	frame := w.buf[:length]
	switch {
	case !w.Recycles:
		return slices.Clone(frame)
	case length <= smallFrame:
		buf := w.small.take(smallFrame)
		return buf[:copy(buf, frame)]
	}
	w.buf = w.large.take(maxFrame)
	return frame
}

// Keep returns a packet's Raw for good: Recycle does not take it back. A frame that fills
// its buffer is not copied.
func (w *Wire) Keep(p *Packet) []byte {
	if w.Recycles && 2*len(p.frame) < cap(p.frame) {
		return slices.Clone(p.Raw)
	}
	p.kept = true
	return p.Raw
}

// Recycle takes back the buffer of a packet that nobody needs any more.
func (w *Wire) Recycle(p *Packet) {
	frame := p.frame
	if !w.Recycles || frame == nil {
		return
	}
	p.frame, p.Raw, p.Data, p.Options = nil, nil, nil, nil
	switch {
	case p.kept:
	case cap(frame) == smallFrame:
		w.small = append(w.small, frame[:smallFrame])
	default:
		w.large = append(w.large, frame[:maxFrame])
	}
}
