package lab

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// seen are the segments and the calls that a story has come to, by the names that a
// control has for them, and how often.
type seen struct {
	names []string // each once, in their order
	times map[string]int
}

func (s *seen) add(name string) {
	if s.times == nil {
		s.times = map[string]int{}
	}
	if s.times[name]++; s.times[name] == 1 {
		s.names = append(s.names, name)
	}
}

// list names those that begin with a prefix, "client:write (3 times), client:close".
func (s *seen) list(prefix string) string {
	var list []string
	for _, name := range s.names {
		switch n := s.times[name]; {
		case !strings.HasPrefix(name, prefix):
		case n > 1:
			list = append(list, fmt.Sprintf("%s (%d times)", name, n))
		default:
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// neverActs says why the control has not acted in a story that came to its end.
func (s *sabotage) neverActs(script *Script) error {
	sockets := strings.Join(slices.Sorted(maps.Keys(script.socks)), ", ")
	socket, _, _ := strings.Cut(s.before, ":")
	var why string
	switch {
	case s.Segment != "" && s.Of != "" && script.socks[s.Of] == nil:
		why = fmt.Sprintf("the story has no socket that it calls %q, but %s", s.Of, sockets)
	case s.Segment != "":
		why = fmt.Sprintf("no segment that the story takes is %s: it takes %s", s.Segment, s.seen.list(""))
	case script.socks[socket] == nil:
		why = fmt.Sprintf("%s: the story has no socket that it calls %q, but %s", s.Before, socket, sockets)
	default:
		why = fmt.Sprintf("no call is %s: there are %s", s.Before, s.seen.list(socket+":"))
	}
	return errors.New("the control never acts: " + why)
}
