package play

import (
	"maps"
	"reflect"
	"slices"

	"github.com/tcplab/tcplab/labs/lab"
)

// A Thing is a type of the vocabulary, with its words.
type Thing struct {
	Name  string // as errors call it: "sock"
	Type  reflect.Type
	Words []Word
}

// A Word is what a story may write of a thing, and what it is in Go.
type Word struct {
	Name  string // "try_accept"
	Go    string // "TryAccept": the method, or the field
	Value bool   // it is written without parentheses
}

// Things are the types of the vocabulary, in the order in which they are worth reading.
func Things() []Thing {
	var all []Thing
	for _, t := range []reflect.Type{
		reflect.TypeFor[*lab.Host](), sockType, reflect.TypeFor[*lab.End](), reflect.TypeFor[*lab.Wire](), reflect.TypeFor[*lab.Segment](), reflect.TypeFor[lab.Answer](), reflect.TypeFor[lab.Handshake](), tcpType,
		reflect.TypeFor[lab.Attempts](), reflect.TypeFor[lab.TimeLeft](), reflect.TypeFor[lab.Schedule](),
	} {
		k := kindOf(t)
		thing := Thing{Name: k.name, Type: t}
		for _, name := range k.names {
			w := Word{Name: name}
			if f := k.words[name].field; f != nil {
				elem := t
				if t.Kind() == reflect.Pointer {
					elem = t.Elem()
				}
				w.Go, w.Value = elem.FieldByIndex(f).Name, true
			} else {
				w.Go, w.Value = t.Method(k.words[name].method).Name, k.words[name].looks
			}
			thing.Words = append(thing.Words, w)
		}
		all = append(all, thing)
	}
	return all
}

// Spelled is a name of Go's as a story spells it: setSysctl is set_sysctl.
func Spelled(name string) string { return snake(name) }

// Globals are the words that stand by themselves and that package lab has: functions
// and values, by their names there but for their spelling, and methods of its Script.
func Globals() []string {
	names := slices.Collect(maps.Keys(functions))
	names = slices.AppendSeq(names, maps.Keys(ofScript))
	names = slices.AppendSeq(names, maps.Keys(changes))
	names = slices.AppendSeq(names, maps.Keys(messages))
	slices.Sort(names)
	return names
}

// Usages say how the words are written that stories in files have beside those of
// package lab, and what they are for: "part(title): begins a part of the ladder".
func Usages() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(own)) {
		all = append(all, usages[name])
	}
	return all
}

// States are the names of a socket's states.
func States() []string { return slices.Clone(states) }
