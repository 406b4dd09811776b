package tracepoint

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Format is the layout of a tracepoint's samples, as tracefs describes it in
// events/*/*/format (Documentation/trace/events.rst, "Event formats"). It
// differs between kernels.
type Format struct {
	Name   string // "kfree_skb"
	ID     uint64 // a sample's common_type
	path   string // below events/
	Fields map[string]Field
	// Symbols are the names of a field's values, as far as the tracepoint's own
	// text has them.
	Symbols map[string]map[int64]string
}

// A Field is a part of a sample.
type Field struct {
	Offset, Size int
	Signed       bool
}

// maxSample bounds where a field may end: a page of the largest size that there
// is.
const maxSample = 1 << 16

// ParseFormat reads the text of a format file.
func ParseFormat(text string) (*Format, error) {
	f := &Format{Fields: map[string]Field{}, Symbols: map[string]map[int64]string{}}
	if err := parseFields(text, f.Fields); err != nil {
		return nil, err
	}
	for line := range strings.Lines(text) {
		key, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		rest = strings.TrimSpace(rest)
		var err error
		switch {
		case !ok:
		case key == "name":
			f.Name = rest
		case key == "ID":
			f.ID, err = strconv.ParseUint(rest, 10, 16) // common_type is a short
		case key == "print fmt":
			f.symbols(rest)
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
	}
	if f.Name == "" || f.ID == 0 || len(f.Fields) == 0 {
		return nil, errors.New("want a name, an ID and fields")
	}
	return f, nil
}

// parseFields reads all lines that describe a field.
func parseFields(text string, fields map[string]Field) error {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "field:")
		if !ok {
			continue
		}
		name, field, err := parseField(rest)
		if err != nil {
			return fmt.Errorf("field %q: %w", rest, err)
		}
		fields[name] = field
	}
	return nil
}

// parseField reads "__u8 saddr[4];	offset:32;	size:4;	signed:0;".
func parseField(text string) (name string, field Field, err error) {
	parts := strings.Split(text, ";")
	declaration, _, _ := strings.Cut(parts[0], "[") // of an array
	words := strings.Fields(declaration)
	if len(words) == 0 {
		return "", Field{}, errors.New("no name")
	}
	name = strings.TrimLeft(words[len(words)-1], "*")
	field = Field{Offset: -1, Size: -1}
	for _, part := range parts[1:] {
		key, value, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return "", Field{}, err
		}
		switch key {
		case "offset":
			field.Offset = n
		case "size":
			field.Size = n
		case "signed":
			field.Signed = n != 0
		}
	}
	if field.Offset < 0 || field.Size < 0 || field.Offset+field.Size > maxSample || field.Offset > maxSample {
		return "", Field{}, fmt.Errorf("offset %d, size %d", field.Offset, field.Size)
	}
	return name, field, nil
}

// symbols reads all of "__print_symbolic(REC->reason, { 2, "NOT_SPECIFIED" }, …)".
// A value that is not a number (the name of one, in C) is left out.
func (f *Format) symbols(text string) {
	const call = "__print_symbolic(REC->"
	for {
		_, after, ok := strings.Cut(text, call)
		if !ok {
			return
		}
		name, list, ok := strings.Cut(after, ",")
		if !ok {
			return
		}
		names := map[int64]string{}
		for {
			list = strings.TrimLeft(list, ", ")
			value, rest, ok := strings.Cut(strings.TrimPrefix(list, "{"), ",")
			if !ok || !strings.HasPrefix(list, "{") {
				break
			}
			rest = strings.TrimLeft(rest, " ")
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				break
			}
			symbol, err := strconv.Unquote(quoted)
			if err != nil {
				break
			}
			if n, err := strconv.ParseInt(strings.TrimSpace(value), 0, 64); err == nil {
				names[n] = symbol
			}
			_, list, _ = strings.Cut(rest[len(quoted):], "}")
		}
		f.Symbols[strings.TrimSpace(name)] = names
		text = list
	}
}
