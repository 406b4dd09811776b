package record

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Evidence is a list of named values, in the order in which they are worth
// reading. In JSON it is an object in that order.
type Evidence []Fact

// A Fact is one named value: an int64, a string or a bool.
type Fact struct {
	Name  string
	Value any
}

// MarshalJSON implements json.Marshaler.
func (e Evidence) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range e {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := marshal(f.Name)
		if err != nil {
			return nil, err
		}
		value, err := marshal(f.Value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *Evidence) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	open, err := dec.Token()
	if err != nil {
		return err
	}
	*e = nil
	if open == nil { // null
		return nil
	}
	if open != json.Delim('{') {
		return fmt.Errorf("evidence: want an object, got %v", open)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		value, err := dec.Token()
		if err != nil {
			return err
		}
		switch v := value.(type) {
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				return fmt.Errorf("evidence %q: %w", name, err)
			}
			value = n
		case string, bool:
		default:
			return fmt.Errorf("evidence %q: want a number, a string or a bool, got %v", name, value)
		}
		*e = append(*e, Fact{Name: name.(string), Value: value})
	}
	return nil
}
