package vm

import (
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
)

// What a guest says goes over a serial port of its own, which nothing else writes to. It
// is one DEFLATE stream (RFC 1951), flushed after each frame, because a byte on an
// emulated port costs more than to save it: records shrink to a seventh. A frame is the
// kind, the length of what follows (four bytes), that, and the CRC-32 of all before
// (IEEE, four bytes). Numbers are in network order.
type kind byte

const (
	hello   kind = 'H' // the guest's tcplab runs: a greeting as JSON
	stdout  kind = 'o' // what a command has written
	stderr  kind = 'e'
	file    kind = 'f' // a file that a command has written: its path, a NUL, what is in it
	exit    kind = 'x' // a command has ended: its exit status in decimal
	trouble kind = 't' // the guest can't run commands: why, in one line
	bye     kind = 'b' // all has been said
)

const (
	frameHead = 1 + 4
	maxFrame  = 1 << 28 // a file of a run with 25,000 connections takes 200 MB
)

// errGarbled says that what came was not what the guest has sent.
var errGarbled = errors.New("what came over the serial port was garbled")

// A frameWriter writes frames, for any number of goroutines.
type frameWriter struct {
	mu sync.Mutex
	w  *flate.Writer
}

func newFrameWriter(w io.Writer) (*frameWriter, error) {
	z, err := flate.NewWriter(w, flate.BestSpeed)
	return &frameWriter{w: z}, err
}

func (f *frameWriter) send(k kind, b []byte) error {
	frame := make([]byte, 0, frameHead+len(b)+4)
	frame = append(frame, byte(k))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(b)))
	frame = append(frame, b...)
	frame = binary.BigEndian.AppendUint32(frame, crc32.ChecksumIEEE(frame))
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.w.Write(frame); err != nil {
		return err
	}
	return f.w.Flush()
}

// A frameReader reads frames.
type frameReader struct{ r io.Reader }

func newFrameReader(r io.Reader) *frameReader { return &frameReader{flate.NewReader(r)} }

// next reads one frame. The error is io.EOF where nothing comes any more, also in the
// middle of a frame, and errGarbled where something else came.
func (f *frameReader) next() (kind, []byte, error) {
	k, b, err := f.read()
	if errors.As(err, new(flate.CorruptInputError)) {
		err = fmt.Errorf("%w: %w", errGarbled, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return k, b, err
}

func (f *frameReader) read() (kind, []byte, error) {
	head := make([]byte, frameHead)
	if _, err := io.ReadFull(f.r, head); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", errGarbled, n)
	}
	rest, err := io.ReadAll(io.LimitReader(f.r, int64(n)+4))
	if err != nil {
		return 0, nil, err
	}
	if len(rest) < int(n)+4 {
		return 0, nil, io.EOF
	}
	b := rest[:n]
	if sum := crc32.Update(crc32.ChecksumIEEE(head), crc32.IEEETable, b); sum != binary.BigEndian.Uint32(rest[n:]) {
		return 0, nil, errGarbled
	}
	return kind(head[0]), b, nil
}

// pipe sends what is written to it as frames of one kind.
type pipe struct {
	to   *frameWriter
	kind kind
}

func (p pipe) Write(b []byte) (int, error) {
	if err := p.to.send(p.kind, b); err != nil {
		return 0, err
	}
	return len(b), nil
}
