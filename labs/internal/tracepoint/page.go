package tracepoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// errLost is the error where the kernel had more to say than there was room for:
// the account has gaps.
var errLost = errors.New("the kernel's account is incomplete: its buffer was full")

// A pageFormat is the layout of a page of the kernel's ring buffer, as
// events/header_page describes it.
type pageFormat struct {
	timestamp, commit, data Field
}

func parsePageFormat(text string) (pageFormat, error) {
	fields := map[string]Field{}
	if err := parseFields(text, fields); err != nil {
		return pageFormat{}, err
	}
	p := pageFormat{fields["timestamp"], fields["commit"], fields["data"]}
	if p.timestamp.Size != 8 || p.commit.Size != 4 && p.commit.Size != 8 || p.data.Size < 8 {
		return pageFormat{}, errors.New("want a timestamp, a commit and data")
	}
	return p, nil
}

// size is how many bytes a page takes.
func (p pageFormat) size() int { return p.data.Offset + p.data.Size }

// Of commit, the lowest bits are the length of the data, and this one says that
// events before the page are lost (kernel/trace/ring_buffer.c: RB_MISSED_EVENTS).
const (
	commitLength = 1<<27 - 1
	commitMissed = 1 << 31
)

// Types of an entry that are no length of its data in words of 4 bytes
// (include/linux/ring_buffer.h: enum ring_buffer_type).
const (
	longEntry     = 0 // the length comes first
	paddingEntry  = 29
	extendEntry   = 30 // more of the time that has passed
	absoluteEntry = 31 // the time itself, but for the highest bits
)

const timeBits = 27 // of an entry's header

// events calls each for every event of a page, with its time.
func (p pageFormat) events(page []byte, each func(at time.Duration, raw []byte) error) error {
	if len(page) < p.size() || len(page) < p.timestamp.Offset+8 || len(page) < p.commit.Offset+4 {
		return fmt.Errorf("page of %d bytes, want %d", len(page), p.size())
	}
	now := binary.NativeEndian.Uint64(page[p.timestamp.Offset:])
	commit := uint64(binary.NativeEndian.Uint32(page[p.commit.Offset:]))
	if p.commit.Size == 8 {
		commit = binary.NativeEndian.Uint64(page[p.commit.Offset:])
	}
	if commit&commitMissed != 0 {
		return errLost
	}
	length := commit & commitLength
	if length > uint64(p.data.Size) {
		return fmt.Errorf("page with %d bytes of data, and room for %d", length, p.data.Size)
	}
	for data := page[p.data.Offset:][:length]; len(data) > 0; {
		if len(data) < 4 {
			return fmt.Errorf("page ends after %d bytes of an entry", len(data))
		}
		kind, delta := split(binary.NativeEndian.Uint32(data))
		size, skip := uint64(kind)*4, uint64(4)
		var word uint64
		if kind == longEntry || kind >= paddingEntry {
			if kind == paddingEntry && delta == 0 {
				return nil // the rest of the page is empty
			}
			if len(data) < 8 {
				return fmt.Errorf("page ends after %d bytes of an entry", len(data))
			}
			word = uint64(binary.NativeEndian.Uint32(data[4:]))
			size = 4
		}
		switch kind {
		case extendEntry:
			now += delta + word<<timeBits
		case absoluteEntry:
			const kept = 1<<(timeBits+32) - 1
			now = now&^uint64(kept) | delta | word<<timeBits
		case longEntry, paddingEntry:
			size = word
		}
		if skip+size > uint64(len(data)) || size < 4 {
			return fmt.Errorf("entry of %d bytes, with %d bytes left of the page", size, len(data)-4)
		}
		if kind < paddingEntry {
			now += delta
			raw := data[skip : skip+size]
			if kind == longEntry {
				raw = raw[4:]
			}
			if err := each(time.Duration(now), raw); err != nil {
				return err
			}
		}
		data = data[min(uint64(len(data)), skip+(size+3)&^3):]
	}
	return nil
}

// split takes an entry's header apart: 5 bits of type and 27 of time. They are C's
// bit fields, which begin at the lowest bit where the lowest byte comes first.
func split(header uint32) (kind uint32, delta uint64) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return header & 31, uint64(header >> 5)
	}
	return header >> timeBits, uint64(header & (1<<timeBits - 1))
}
