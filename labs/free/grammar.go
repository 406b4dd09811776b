package free

import (
	"fmt"
	"strings"
)

// A Form is how a rule or an expectation is written.
type Form struct{ Form, Says, Example string }

// Grammar says how rules are written, a line each, with an example.
var Grammar = []Form{
	{"drop SEGMENT", "the segment is lost", "drop server:SYN,ACK#1"},
	{"hold SEGMENT for TIME", "it waits on the wire, and others pass it by", "hold client:FIN,ACK for 3s"},
	{"hold SEGMENT until SEGMENT", "it waits until the other segment has arrived", "hold server:data#1 until server:data#2"},
	{"delay SEGMENT TIME", "it is late, and what follows it on its connection waits behind it", "delay server:data#1 200ms"},
	{"duplicate SEGMENT", "it arrives twice", "duplicate client:data#1"},
	{"reorder SEGMENT", "the next segment of its host on its connection overtakes it", "reorder server:data#2"},
	{"reset SEGMENT", "it is lost, and both ends get a RST", "reset server:data#2"},
	{"reset after N SEGMENT", "as soon as N such segments have arrived, both ends get a RST", "reset after 3 data"},
	{"vanish SIDE after SEGMENT", "once the segment has arrived, all that the side sends is lost", "vanish server after client:data#2"},
	{"delay SIDE TIME", "all that a side sends is so much later", "delay both 10ms"},
	{"loss SIDE PERCENT [seed N]", "by chance, but the same in each run that sends the same", "loss both 1% seed 7"},
	{"rate SIDE RATE", "so many bits go over the wire in a second: kbit, mbit, gbit", "rate both 10mbit"},
}

// othersNames are names that other programs have for what a rule does, and its verb. A
// segment that is corrupt is one that its receiver drops.
var othersNames = map[string]string{
	"bandwidth": "rate", "corrupt": "drop", "latency": "delay", "limit_data": "reset",
	"reset_peer": "reset", "slow_close": "hold", "timeout": "vanish",
}

// GrammarNote follows the Grammar.
const GrammarNote = "SEGMENT is [client:|server:]FLAGS [seq=N] [ack=N] [len=N] [win=N] [OPTION] [again] [#n], " +
	"as in client:SYN#2 or client:SYN TS; data stands for any segment with data; OPTION is mss, wscale, sackOK, sack, TS, md5 or tfo " +
	"(mss=N and wscale=N name the value as well); each before it has #n count in each connection by itself. " +
	"SIDE is client, server or both. Rules about segments go first: of those the first that fits acts. " +
	"Those about a side act, all of them, on what is left."

// Expectations says how expectations are written, with an example each.
var Expectations = []Form{
	{"SEGMENT seen", "a host has sent it; #n: so many of them", "server:RST#1 seen"},
	{"SEGMENT not seen", "no host has", "client:SYN#2 not seen"},
	{"HOST is STATE at end", "all its connections are in that state; gone for none left", "client is CLOSE_WAIT at end"},
	{"HOST was STATE", "one of its connections was", "server was SYN_RECV"},
	{"HOST has N STATE at end", "so many are; N may be a range", "server has 0 CLOSE_WAIT at end"},
	{"HOST exits N", "the host's program ends with that exit status", "client exits 28"},
	{"HOST runs at end", "its program has not ended by then; the client's is to be stopped by --timeout", "client runs at end"},
}

// A GrammarError is why a rule or an expectation can't be read.
type GrammarError struct {
	what, text string // "rule", and the rule
	err        error
	want       []Form
}

// Error says what is wrong in its first line, and how it is written in those after it.
func (e *GrammarError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "wrong %s %q: %v; want", e.what, e.text, e.err)
	for _, f := range e.want {
		fmt.Fprintf(&b, "\n  %-28s as in '%s'", f.Form, f.Example)
	}
	return b.String()
}

func (e *GrammarError) Unwrap() error { return e.err }

// formsOf are the forms that begin with a verb, or all of them.
func formsOf(verb string) []Form {
	var some []Form
	for _, g := range Grammar {
		if strings.HasPrefix(g.Form, verb+" ") {
			some = append(some, g)
		}
	}
	if some == nil {
		return Grammar
	}
	return some
}
