package play

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A story is one that is being told.
type story struct {
	script  *lab.Script
	text    *text
	thread  *starlark.Thread
	judged  map[int32]int // how many claims a line has made
	sockets int           // how many it has made
	words   int           // how many it has used that act
	made    int           // in bytes: see makes
}

func newStory(s *lab.Script, t *text) *story {
	st := &story{script: s, text: t, judged: map[int32]int{}}
	st.thread = &starlark.Thread{Name: t.name, Print: func(_ *starlark.Thread, msg string) { s.Note(msg) }}
	st.thread.SetMaxExecutionSteps(maxSteps)
	st.thread.OnMaxSteps = func(t *starlark.Thread) { t.Cancel("it does not end") }
	return st
}

// position is where in the text the word stands that runs now.
func (st *story) position() syntax.Position {
	if st.thread.CallStackDepth() > 1 {
		return st.thread.CallFrame(1).Pos
	}
	return syntax.Position{}
}

// here tells the script where in its text it is, and counts the words.
func (st *story) here() error {
	st.script.At(place(st.position()))
	if st.words++; st.words > maxWords {
		return fmt.Errorf("a story uses %d words at most", maxWords)
	}
	return nil
}

func place(p syntax.Position) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}

// outcome takes in what a word has come to. A failure that the story does not ask about
// is said in the ladder: it may not be what its author believes that happened.
func (st *story) outcome(v starlark.Value) {
	errno, ok := starlark.AsString(v)
	if pos := st.position(); ok && st.text.unasked[at(pos)] && isErrno(errno) {
		st.script.Note(fmt.Sprintf("line %d: %s is %s, and the story does not ask", pos.Line, st.text.source(st.text.calls[at(pos)]), errno))
	}
}

// isErrno reports whether a text is the name of an errno.
func isErrno(text string) bool {
	if !strings.HasPrefix(text, "E") || text == unix.ErrnoName(unix.EINPROGRESS) {
		return false
	}
	for e := unix.Errno(1); e <= unix.EHWPOISON; e++ { // the last
		if unix.ErrnoName(e) == text {
			return true
		}
	}
	return false
}

// fail ends the story for what Starlark has found.
func (st *story) fail(err error) {
	var failed *starlark.EvalError
	if errors.As(err, &failed) {
		for _, f := range failed.CallStack { // the innermost that is in the text
			if f.Pos.Filename() == st.text.name {
				st.script.At(place(f.Pos))
			}
		}
		err = failed.Unwrap()
		if err == nil {
			err = errors.New(failed.Msg)
		}
	}
	st.script.Fail(err)
}

// predeclared are the names that a story begins with. Without a story they only stand
// for themselves, for the resolver.
func predeclared(st *story) starlark.StringDict {
	names := starlark.StringDict{"OK": starlark.String(lab.OK)}
	for _, state := range states {
		names[state] = starlark.String(state)
	}
	for name, message := range messages {
		names[name] = &object{st, reflect.ValueOf(message)}
	}
	for name, function := range functions {
		names[name] = starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := st.here(); err != nil {
				return nil, err
			}
			return st.call(name, reflect.ValueOf(function), args, kwargs)
		})
	}
	for name, method := range ofScript {
		names[name] = starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := st.here(); err != nil {
				return nil, err
			}
			return st.call(name, reflect.ValueOf(st.script).MethodByName(method), args, kwargs)
		})
	}
	for name, change := range changes {
		names[name] = &object{st, reflect.ValueOf(change)}
	}
	for name, word := range own {
		names[name] = starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			err := st.here()
			for _, a := range args { // as it is written in the record
				err = cmp.Or(err, st.makes(deep(a)))
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			v, err := word(st, b, args, kwargs)
			st.outcome(v)
			return v, err
		})
	}
	things := map[string]any{"client": (*lab.Host)(nil), "server": (*lab.Host)(nil), "wire": (*lab.Wire)(nil)}
	if st != nil {
		things = map[string]any{"client": st.script.Client, "server": st.script.Server, "wire": st.script.Wire}
	}
	for name, thing := range things {
		names[name] = &object{st, reflect.ValueOf(thing)}
	}
	if st != nil && st.script.Server == nil { // hosts(alone=True)
		names["server"] = starlark.None
	}
	return names
}

var states = []string{
	record.Established, record.SynSent, record.SynRecv, record.FinWait1, record.FinWait2, record.TimeWait, record.Close,
	record.CloseWait, record.LastAck, record.Listen, record.Closing,
}

// messages are the ICMP messages that bounce takes.
var messages = map[string]lab.ICMP{
	"NET_UNREACHABLE": lab.NetUnreachable, "HOST_UNREACHABLE": lab.HostUnreachable, "PROTOCOL_UNREACHABLE": lab.ProtocolUnreachable,
	"PORT_UNREACHABLE": lab.PortUnreachable, "ADMIN_PROHIBITED": lab.AdminProhibited, "TIME_EXCEEDED": lab.TimeExceeded,
}

// changes are what forge takes, beside the functions that make such.
var changes = map[string]func(*lab.TCP){
	"ACK_ITSELF": lab.AckItself, "INTO_RESET": lab.IntoReset, "RESET_INSTEAD": lab.ResetInstead,
}

// ofScript are words that lab.Script has.
var ofScript = map[string]string{"connection": "Connection", "connection_to": "ConnectionTo", "sock": "Sock", "both": "Both", "without_net_admin": "WithoutNetAdmin"}

// functions are those of package lab.
var functions = map[string]any{
	"any4": lab.Any4, "any6": lab.Any6, "took": lab.Took, "fin_wait2": lab.FinWait2, "latest_rto": lab.LatestRTO,
	"announce_mss": lab.AnnounceMSS, "too_big": lab.TooBig, "seq_more": lab.SeqMore, "ack_less": lab.AckLess, "time_more": lab.TimeMore, "echo_more": lab.EchoMore,
	"left": lab.Left, "left_within": lab.LeftWithin, "lasted": lab.Lasted, "sent_again": lab.SentAgain,
	"on_schedule": lab.OnSchedule, "gave_up": lab.GaveUp, "gave_up_after": lab.GaveUpAfter,
}
