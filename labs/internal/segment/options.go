package segment

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kinds of TCP options.
const (
	optEnd        = 0
	optNop        = 1
	optMSS        = 2
	optWScale     = 3
	optSACKOK     = 4
	optSACK       = 5
	optTimestamps = 8
	optMD5        = 19
	optFastOpen   = 34
)

// An Options is a set of kinds of options, each once: which ones a segment has.
type Options uint8

// optionNames are the names of the kinds in an Options, as tcpdump prints them.
var optionNames = [...]string{"mss", "wscale", "sackOK", "sack", "TS", "md5", "tfo"}

// optionKinds are the kinds, in the order of optionNames.
var optionKinds = [...]byte{optMSS, optWScale, optSACKOK, optSACK, optTimestamps, optMD5, optFastOpen}

// OptionNamed returns the set of the one kind that tcpdump calls so: "mss", "wscale",
// "sackOK", "sack", "TS", "md5" or "tfo". The empty set stands for any other name.
func OptionNamed(name string) Options {
	if i := slices.Index(optionNames[:], name); i >= 0 {
		return 1 << i
	}
	return 0
}

// Has reports whether all of the kinds in some are in the set.
func (o Options) Has(some Options) bool { return o&some == some }

// Names returns the names of the kinds in the set.
func (o Options) Names() (names []string) {
	for i, name := range optionNames {
		if o&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Kinds returns which options a list of them has.
func Kinds(list []byte) (o Options) {
	for kind := range options(list) {
		if i := slices.Index(optionKinds[:], kind); i >= 0 {
			o |= 1 << i
		}
	}
	return o
}

// md5Size is how long the signature of a segment is (RFC 2385).
const md5Size = 16

// maxOptions is the room that a TCP header has for options.
const maxOptions = 40

// options yields each option's kind and value. As a receiver does it stops at
// the end of the list, and at an option whose length can't be.
func options(list []byte) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for rest := list; len(rest) > 0; {
			kind, value, n := rest[0], []byte(nil), 1
			if kind != optEnd && kind != optNop {
				if len(rest) < 2 || rest[1] < 2 || int(rest[1]) > len(rest) {
					return
				}
				n = int(rest[1])
				value = rest[2:n]
			}
			if !yield(kind, value) || kind == optEnd {
				return
			}
			rest = rest[n:]
		}
	}
}

// readOptions sets what the options say. One of the wrong size says nothing; of
// several of a kind the first counts, but for blocks.
func (s *Segment) readOptions() {
	for kind, value := range options(s.Options) {
		switch {
		case kind == optMSS && len(value) == 2 && s.MSS == 0:
			s.MSS = int(binary.BigEndian.Uint16(value))
		case kind == optWScale && len(value) == 1 && s.WScale < 0:
			s.WScale = int(value[0])
		case kind == optSACKOK && len(value) == 0:
			s.SACKOK = true
		case kind == optSACK && isBlocks(value):
			for ; len(value) > 0; value = value[8:] {
				s.SACK = append(s.SACK, block(value))
			}
		case kind == optTimestamps && len(value) == 8 && !s.Clock.Valid:
			s.Clock = Clock{Valid: true, MS: binary.BigEndian.Uint32(value)}
		}
	}
}

// AddTime adds ms to the value of the timestamps option (RFC 7323 §3) in a list,
// if there is one.
func AddTime(list []byte, ms int32) {
	for kind, value := range options(list) {
		if kind == optTimestamps && len(value) == 8 {
			binary.BigEndian.PutUint32(value, binary.BigEndian.Uint32(value)+uint32(ms))
			return
		}
	}
}

// AddEcho is AddTime for the echo reply of the option.
func AddEcho(list []byte, ms int32) {
	for kind, value := range options(list) {
		if kind == optTimestamps && len(value) == 8 {
			binary.BigEndian.PutUint32(value[4:], binary.BigEndian.Uint32(value[4:])+uint32(ms))
			return
		}
	}
}

// SetMSS sets what the MSS option in a list announces, if there is one.
func SetMSS(list []byte, mss uint16) {
	for kind, value := range options(list) {
		if kind == optMSS && len(value) == 2 {
			binary.BigEndian.PutUint16(value, mss)
			return
		}
	}
}

func isBlocks(value []byte) bool { return len(value) > 0 && len(value)%8 == 0 }

func block(value []byte) Block {
	return Block{binary.BigEndian.Uint32(value), binary.BigEndian.Uint32(value[4:])}
}

// OptionsText returns the options as tcpdump prints them: "mss 1460,sackOK,nop,wscale 7".
func (s *Segment) OptionsText() string {
	if len(s.Options) == 0 {
		return ""
	}
	b := make([]byte, 0, 64)
	for kind, value := range options(s.Options) {
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = appendOption(b, kind, value)
	}
	return string(b)
}

func appendOption(b []byte, kind byte, value []byte) []byte {
	switch {
	case kind == optEnd:
		return append(b, "eol"...)
	case kind == optNop:
		return append(b, "nop"...)
	case kind == optMSS && len(value) == 2:
		return appendUint(append(b, "mss "...), uint32(binary.BigEndian.Uint16(value)))
	case kind == optWScale && len(value) == 1:
		return appendUint(append(b, "wscale "...), uint32(value[0]))
	case kind == optSACKOK && len(value) == 0:
		return append(b, "sackOK"...)
	case kind == optTimestamps && len(value) == 8:
		b = appendUint(append(b, "TS val "...), binary.BigEndian.Uint32(value))
		return appendUint(append(b, " ecr "...), binary.BigEndian.Uint32(value[4:]))
	case kind == optMD5 && len(value) == md5Size:
		return fmt.Appendf(b, "md5 %x", value)
	case kind == optFastOpen && len(value) == 0:
		return append(b, "tfo cookiereq"...)
	case kind == optFastOpen:
		return fmt.Appendf(b, "tfo cookie %x", value)
	case kind == optSACK && isBlocks(value):
		b = appendUint(append(b, "sack "...), uint32(len(value)/8))
		b = append(b, ' ')
		for ; len(value) > 0; value = value[8:] {
			one := block(value)
			b = appendUint(append(b, '{'), one.Left)
			b = appendUint(append(b, ':'), one.Right)
			b = append(b, '}')
		}
		return b
	}
	return fmt.Appendf(b, "unknown-%d 0x%x", kind, value)
}

func appendUint(b []byte, n uint32) []byte { return strconv.AppendUint(b, uint64(n), 10) }

// ParseOptions reads what OptionsText writes, and pads it to whole words of the
// header. Unlike a segment's own options, those of the text may go on after "eol".
func ParseOptions(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	var list []byte
	for word := range strings.SplitSeq(text, ",") {
		kind, value, err := parseOption(word)
		if err != nil {
			return nil, fmt.Errorf("option %q: %w", word, err)
		}
		list = append(list, kind)
		if kind != optEnd && kind != optNop {
			list = append(list, byte(2+len(value)))
			list = append(list, value...)
		}
		if len(list) > maxOptions {
			return nil, fmt.Errorf("option %q: with it there are %d bytes of options; a TCP header has room for %d", word, len(list), maxOptions)
		}
	}
	return pad(list), nil
}

// pad appends ends of the list until the options fill words of 4 bytes.
func pad(list []byte) []byte {
	for len(list)%4 != 0 {
		list = append(list, optEnd)
	}
	return list
}

func parseOption(word string) (kind byte, value []byte, err error) {
	name, rest, _ := strings.Cut(word, " ")
	switch {
	case word == "eol":
		return optEnd, nil, nil
	case word == "nop":
		return optNop, nil, nil
	case word == "sackOK":
		return optSACKOK, nil, nil
	case word == "tfo cookiereq":
		return optFastOpen, nil, nil
	case strings.HasPrefix(word, "tfo cookie "):
		value, err := hex.DecodeString(strings.TrimPrefix(word, "tfo cookie "))
		return optFastOpen, value, err
	case name == "mss":
		n, err := number(rest, math.MaxUint16)
		return optMSS, binary.BigEndian.AppendUint16(nil, uint16(n)), err
	case name == "wscale":
		n, err := number(rest, math.MaxUint8)
		return optWScale, []byte{byte(n)}, err
	case name == "TS":
		value, err = parseTimestamps(rest)
		return optTimestamps, value, err
	case name == "sack":
		value, err = parseBlocks(rest)
		return optSACK, value, err
	case name == "md5":
		if value, err = hex.DecodeString(rest); err == nil && len(value) != md5Size {
			err = errors.New("a signature has 16 bytes")
		}
		return optMD5, value, err
	case strings.HasPrefix(name, "unknown-"):
		return parseUnknown(strings.TrimPrefix(name, "unknown-"), rest)
	}
	return 0, nil, errors.New("none is called that")
}

// number reads a decimal number of at most so much.
func number(text string, most uint64) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n > most {
		return 0, fmt.Errorf("%q is no number from 0 to %d", text, most)
	}
	return uint32(n), nil
}

// parseTimestamps reads "val 1 ecr 2".
func parseTimestamps(text string) ([]byte, error) {
	words := strings.Split(text, " ")
	if len(words) != 4 || words[0] != "val" || words[2] != "ecr" {
		return nil, errors.New("it is written TS val NUMBER ecr NUMBER")
	}
	return appendNumbers(nil, words[1], words[3])
}

// parseBlocks reads "2 {1:6}{9:12}".
func parseBlocks(text string) (value []byte, err error) {
	count, list, _ := strings.Cut(text, " ")
	rest, braces := strings.CutSuffix(list, "}")
	for one := range strings.SplitSeq(rest, "}") {
		one, open := strings.CutPrefix(one, "{")
		left, right, colon := strings.Cut(one, ":")
		if !braces || !open || !colon {
			return nil, errors.New("it is written sack NUMBER {LEFT:RIGHT}…")
		}
		if value, err = appendNumbers(value, left, right); err != nil {
			return nil, err
		}
	}
	if n := len(value) / 8; count != strconv.Itoa(n) {
		return nil, fmt.Errorf("it says %s, and has %d", count, n)
	}
	return value, nil
}

func appendNumbers(value []byte, texts ...string) ([]byte, error) {
	for _, text := range texts {
		n, err := number(text, math.MaxUint32)
		if err != nil {
			return nil, err
		}
		value = binary.BigEndian.AppendUint32(value, n)
	}
	return value, nil
}

// parseUnknown reads "34" and "0x0102".
func parseUnknown(kind, text string) (byte, []byte, error) {
	n, err := number(kind, math.MaxUint8)
	if err != nil {
		return 0, nil, err
	}
	digits, ok := strings.CutPrefix(text, "0x")
	value, err := hex.DecodeString(digits)
	if !ok || err != nil || n == optEnd || n == optNop {
		return 0, nil, errors.New("it is written unknown-KIND 0xBYTES, and kinds 0 and 1 have no bytes")
	}
	return byte(n), value, nil
}
