// Package pattern is how a segment is named: one grammar for stories, controls,
// rules and story files.
//
//	[sender:]FLAGS [seq=N] [ack=N] [len=N|data] [win=N] [OPTION] [again] [#n]
//
// FLAGS are the header's names joined by commas ("SYN,ACK"), without those of
// ECN, or "data" for a segment with data, whatever its flags. "ACK" is a segment
// that does nothing but acknowledge: one with data is "data". A number may be a
// range ("len=1-1448"). Sequence numbers are relative to the initial ones. OPTION
// is one that the segment has, by the name that tcpdump gives it: mss, wscale,
// sackOK, sack, TS, md5 or tfo; "mss=536" and "wscale=0-7" name its value, too.
package pattern

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tcplab/tcplab/labs/internal/segment"
)

// A Pattern names segments.
type Pattern struct {
	From  string // the host that sends them; "" for any
	Flags segment.Flags
	// AnyFlags is set for "data" alone, which says nothing of flags.
	AnyFlags bool
	Data     bool // with data
	Seq, Ack Range
	Len, Win Range
	Options  segment.Options // with all of these
	// MSS and WScale are the values of these two options.
	MSS, WScale Range
	Again       bool // sent before
	// Nth is which of those that the pattern's user meets is meant, from 1; 0
	// for all.
	Nth int
}

// A Range is the numbers from Low to High. The zero Range is every number.
type Range struct {
	Low, High uint32
	set       bool
}

// Exactly returns the Range of one number.
func Exactly(n uint32) Range { return Range{n, n, true} }

// Has reports whether n is in the range.
func (r Range) Has(n uint32) bool { return !r.set || r.Low <= n && n <= r.High }

func (r Range) String() string {
	if r.Low == r.High {
		return strconv.FormatUint(uint64(r.Low), 10)
	}
	return fmt.Sprintf("%d-%d", r.Low, r.High)
}

// A Segment is what a Pattern looks at.
type Segment struct {
	From     string // the sending host's name
	Flags    segment.Flags
	Seq, Ack uint32 // relative
	Len      int
	Win      uint16
	Options  []byte // as they are on the wire
	MSS      int    // as in segment.Segment
	WScale   int
	Again    bool
}

// ecn are the flags that change nothing about what a segment is for (RFC 3168
// §6.1).
const ecn = segment.ECE | segment.CWR

// Plain returns flags without those of ECN, which names leave out.
func Plain(f segment.Flags) segment.Flags { return f &^ ecn }

// Matches reports whether the pattern names the segment. Nth is not looked at.
func (p Pattern) Matches(s Segment) bool {
	flags := s.Flags
	if p.Flags&ecn == 0 {
		flags = Plain(flags)
	}
	switch {
	case p.From != "" && p.From != s.From, !p.AnyFlags && p.Flags != flags:
		return false
	case p.Data && s.Len == 0, !p.AnyFlags && p.Flags == segment.ACK && !p.Data && !p.Len.set && s.Len > 0:
		return false
	case p.Again && !s.Again, p.Options != 0 && !segment.Kinds(s.Options).Has(p.Options):
		return false
	case !p.MSS.Has(uint32(s.MSS)), !p.WScale.Has(uint32(s.WScale)):
		return false
	}
	return p.Seq.Has(s.Seq) && p.Ack.Has(s.Ack) && p.Len.Has(uint32(s.Len)) && p.Win.Has(uint32(s.Win))
}

// Parse reads a pattern. The error names the word that it can't read.
func Parse(text string) (Pattern, error) {
	var p Pattern
	words := strings.Fields(strings.ReplaceAll(text, "#", " #"))
	if len(words) == 0 {
		return p, fmt.Errorf("segment %q: want flags (SYN,ACK) or data", text)
	}
	name := words[0]
	if host, rest, ok := strings.Cut(name, ":"); ok {
		p.From, name = host, rest
	}
	if name == "data" {
		p.AnyFlags, p.Data = true, true
	} else {
		var err error
		if p.Flags, err = segment.ParseFlags(name); err != nil {
			return Pattern{}, fmt.Errorf("%w; a segment with data is data", err)
		}
	}
	for _, word := range words[1:] {
		if err := p.word(word); err != nil {
			return Pattern{}, fmt.Errorf("segment %q: %w", text, err)
		}
	}
	return p, nil
}

func (p *Pattern) word(word string) (err error) {
	key, value, number := strings.Cut(word, "=")
	switch {
	case word == "data":
		p.Data = true
	case !number && segment.OptionNamed(word) != 0:
		p.Options |= segment.OptionNamed(word)
	case word == "again":
		p.Again = true
	case strings.HasPrefix(word, "#"):
		p.Nth, err = strconv.Atoi(word[1:])
		if err != nil || p.Nth < 1 {
			return fmt.Errorf("%s: want #1 or more", word)
		}
	case number && key == "seq":
		p.Seq, err = parseRange(word, value)
	case number && key == "ack":
		p.Ack, err = parseRange(word, value)
	case number && key == "len":
		p.Len, err = parseRange(word, value)
	case number && key == "win":
		p.Win, err = parseRange(word, value)
	case number && key == "mss":
		p.Options |= segment.OptionNamed(key)
		p.MSS, err = parseRange(word, value)
	case number && key == "wscale":
		p.Options |= segment.OptionNamed(key)
		p.WScale, err = parseRange(word, value)
	default:
		return fmt.Errorf("%s: want seq=N, ack=N, len=N, win=N, mss=N, wscale=N, data, again, #n or an option (mss, wscale, sackOK, sack, TS, md5, tfo)", word)
	}
	return err
}

func parseRange(word, text string) (Range, error) {
	low, high, two := strings.Cut(text, "-")
	if !two {
		high = low
	}
	from, err := strconv.ParseUint(low, 10, 32)
	to, err2 := strconv.ParseUint(high, 10, 32)
	if err != nil || err2 != nil || from > to {
		return Range{}, fmt.Errorf("%s: want a number from 0 to %d, or a range", word, uint32(math.MaxUint32))
	}
	return Range{uint32(from), uint32(to), true}, nil
}

// String writes what Parse reads.
func (p Pattern) String() string {
	var b strings.Builder
	if p.From != "" {
		b.WriteString(p.From + ":")
	}
	if p.AnyFlags {
		b.WriteString("data")
	} else {
		b.WriteString(p.Flags.String())
		if p.Data {
			b.WriteString(" data")
		}
	}
	for _, r := range []struct {
		name string
		Range
	}{{"seq", p.Seq}, {"ack", p.Ack}, {"len", p.Len}, {"win", p.Win}, {"mss", p.MSS}, {"wscale", p.WScale}} {
		if r.set {
			fmt.Fprintf(&b, " %s=%v", r.name, r.Range)
		}
	}
	for _, name := range p.Options.Names() {
		if name == "mss" && p.MSS.set || name == "wscale" && p.WScale.set {
			continue // written with its value
		}
		b.WriteString(" " + name)
	}
	if p.Again {
		b.WriteString(" again")
	}
	if p.Nth > 0 {
		fmt.Fprintf(&b, " #%d", p.Nth)
	}
	return b.String()
}
