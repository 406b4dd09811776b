package report

import (
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// kernelText says what the kernel's own account adds to what is shown anyway. It
// is empty where it adds nothing: all of it is in the record.
func kernelText(k, next *record.Kernel, then *record.State) string {
	switch k.Event {
	case record.SetState:
		return transition(k, next, then)
	case record.KfreeSkb:
		if !slices.Contains(noWhy, k.Reason) {
			return "kernel: " + dropsIt + k.Reason
		}
	case record.SendReset:
		if k.Reason == "" {
			return "kernel: sends RST"
		}
		return "kernel: sends RST: " + k.Reason
	case record.ReceiveReset:
		return "kernel: accepts the RST"
	case record.RetransmitSkb:
		return "kernel: " + timer(k) + "sends again"
	case record.RetransmitSynack:
		return "kernel: " + timer(k) + "SYN,ACK again"
	}
	return ""
}

// timer says that a timer had run out, where one had: what is sent again may also
// answer a segment.
func timer(k *record.Kernel) string {
	if k.Context == record.InTimer {
		return "timer, "
	}
	return ""
}

// reasonMeans tells in a few words what the kernel's names for its reasons mean
// (include/net/dropreason-core.h, include/net/rstreason.h; TCP_LISTEN_OVERFLOW by
// the lab backlog).
var reasonMeans = map[string]string{
	"NO_SOCKET":                "there is no socket for it",
	"SOCKET_RCVBUFF":           "the receive buffer is full",
	"TCP_FLAGS":                "its flags have no place there",
	"TCP_ZEROWINDOW":           "the receive window is closed",
	"TCP_OLD_DATA":             "all of its data was there already",
	"TCP_OVERWINDOW":           "it is beyond the receive window",
	"TCP_RFC7323_PAWS":         "its timestamp is too old",
	"TCP_RFC7323_PAWS_ACK":     "its timestamp is too old",
	"TCP_RFC7323_TW_PAWS":      "its timestamp is older than the last one of the time-wait socket",
	"TCP_STATE":                "the program aborts the connection",
	"TCP_OLD_SEQUENCE":         "its sequence number is old: a duplicate",
	"TCP_INVALID_SEQUENCE":     "its sequence number is not acceptable",
	"TCP_INVALID_ACK_SEQUENCE": "its acknowledgement number is not acceptable",
	"TCP_RESET":                "a RST that is not valid",
	"TCP_INVALID_SYN":          "a SYN where none belongs",
	"INVALID_SYN":              "a SYN where none belongs",
	"TCP_CLOSE":                "the socket is in CLOSE",
	"TCP_OLD_ACK":              "it acknowledges what was acknowledged before",
	"TCP_TOO_OLD_ACK":          "its acknowledgement is too old",
	"TCP_ACK_UNSENT_DATA":      "it acknowledges what was not sent yet",
	"TCP_ABORT_ON_DATA":        "data for a connection that nobody reads any more",
	"TCP_ABORT_ON_CLOSE":       "closed with data unread",
	"TCP_ABORT_ON_LINGER":      "closed with SO_LINGER and no time",
	"TCP_KEEPALIVE_TIMEOUT":    "no keepalive probe was answered",
	"TCP_LISTEN_OVERFLOW":      "the accept queue is full",
	"TCP_TIMEWAIT_SOCKET":      "only a time-wait socket is left",
}

// explained adds to what the kernel says what its reason means.
func explained(text string) string {
	if means := reasonMeans[text[strings.LastIndexByte(text, ' ')+1:]]; means != "" {
		return text + " (" + means + ")"
	}
	return text
}

// glossed are the texts of a row, each reason explained where it stands first.
func glossed(texts []string) []string {
	var all []string
	seen := map[string]bool{}
	for _, text := range texts {
		reason := text[strings.LastIndexByte(text, ' ')+1:]
		if !seen[reason] {
			text = explained(text)
		}
		seen[reason] = true
		all = append(all, text)
	}
	return all
}

// noWhy are the reasons of kfree_skb that do not tell why an arriving packet was
// dropped. The kernel gives no reason, too, where an ACK has done its work; and a
// queue is purged of what a socket that goes away had still in it.
var noWhy = []string{"", "NOT_SPECIFIED", "QUEUE_PURGE"}

// transition tells of a state that inet_diag did not see, for the next look came
// too late, and of the mini-sockets that inet_diag shows and that are no sockets
// to the kernel.
func transition(k, next *record.Kernel, then *record.State) string {
	switch {
	case k.From == k.To:
		return ""
	case k.From == record.Listen && k.To == record.SynRecv:
		return "kernel: makes it a full socket"
	case next == nil && then != nil && then.To == k.To:
		return ""
	case takenOver(k, next, then):
		return "kernel: a mini-socket takes over"
	}
	return "kernel: " + k.From + " → " + k.To
}

// takenOver reports whether the socket is gone and inet_diag shows it all the same.
func takenOver(k, next *record.Kernel, then *record.State) bool {
	return k.To == record.Close && next == nil && then != nil && then.To != record.Close
}

// kernelTexts returns the text of each event that is the kernel's and is worth
// showing. What is said of a state depends on what is next seen of its socket.
func kernelTexts(events []record.Event) map[*record.Kernel]string {
	type socket struct{ host, name string }
	if !slices.ContainsFunc(events, func(e record.Event) bool { _, ok := e.Body.(*record.Kernel); return ok }) {
		return nil // as in most runs
	}
	texts := map[*record.Kernel]string{}
	used := map[int]bool{} // segments that have changed a state: they were taken in
	for _, e := range events {
		if k, ok := e.Body.(*record.Kernel); ok && k.Event == record.SetState {
			used[k.ID] = true
		}
	}
	next, then := map[socket]*record.Kernel{}, map[socket]*record.State{}
	for _, e := range slices.Backward(events) {
		switch v := e.Body.(type) {
		case *record.State:
			s := socket{v.Host, v.Socket}
			next[s], then[s] = nil, v
		case *record.Kernel:
			s := socket{v.Host, v.Socket}
			takenIn := v.Event == record.KfreeSkb && used[v.ID]
			if text := kernelText(v, next[s], then[s]); text != "" && !takenIn {
				texts[v] = text
			}
			if v.Event == record.SetState && !takenOver(v, next[s], then[s]) {
				next[s], then[s] = v, nil
			}
		}
	}
	return texts
}

// kernel takes in what the kernel said. Of a segment it stands beside its arrow;
// what it said in a call comes before the call in the record and is shown after
// it, and a timer is shown after the wait for it.
func (b *rowBuilder) kernel(e record.Event, k *record.Kernel) {
	text, ok := b.texts[k]
	if !ok {
		return
	}
	last := len(b.rows) - 1
	if k.Context == record.InSegment && last >= 0 && b.rows[last].segment != nil && b.rows[last].segment.ID == k.ID {
		if b.many && b.rows[last].tag == "" {
			text = b.ofName(k.Socket) + " " + text
		}
		b.rows[last].kernel = append(b.rows[last].kernel, text)
		return
	}
	if b.many && k.Socket != "" {
		text = b.ofName(k.Socket) + " " + text
	}
	r := row{at: e.At, host: k.Host, kernel: []string{text}}
	if k.Context == record.InCall {
		b.inCall = append(b.inCall, r)
	} else {
		b.inTimer = append(b.inTimer, r)
	}
}

// before puts what the kernel said so far before the row of an event, where it
// does not belong after it.
func (b *rowBuilder) before(e record.Event) {
	if _, ok := e.Body.(*record.Wait); !ok {
		b.rows = append(b.rows, b.inTimer...)
		b.inTimer = nil
	}
	if _, ok := e.Body.(*record.Call); !ok {
		b.rows = append(b.rows, b.inCall...)
		b.inCall = nil
	}
}

// after puts what is left after the row of an event.
func (b *rowBuilder) after() {
	last := len(b.rows) - 1
	for _, r := range b.inCall {
		if last >= 0 && b.rows[last].host == r.host && b.rows[last].kind == 0 {
			b.rows[last].kernel = append(b.rows[last].kernel, r.kernel...)
		} else {
			b.rows = append(b.rows, r)
		}
	}
	b.rows = append(b.rows, b.inTimer...)
	b.inCall, b.inTimer = nil, nil
}

// isKernel reports whether the row is nothing but what the kernel said.
func (r *row) isKernel() bool {
	return r.isBare() && len(r.kernel) > 0
}

// isBare reports whether nothing happens in the row, and no socket changes.
func (r *row) isBare() bool {
	return r.kind == 0 && r.segment == nil && r.icmp == nil && r.text == "" && len(r.states) == 0
}

// kernel draws what the kernel said, below the rest of the row.
func (d *drawing) kernel(r row) {
	at := noTime
	if r.isKernel() {
		at = r.at
	}
	for _, text := range glossed(r.kernel) {
		d.side(at, r.host, wrap(text, d.roomOf(r.host)), dim)
		at = noTime
	}
}
