package report

import (
	"fmt"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// stateText says what is new about a socket. It is empty where only a timer or
// the retransmit count has changed: other rows tell of these.
func stateText(before, s *record.State) string {
	switch {
	case s.To == record.Listen:
		queue := fmt.Sprintf("queue %d of %d", s.RQueue, s.WQueue)
		if before == nil || before.To != s.To {
			return s.Socket + " LISTEN, " + queue
		}
		return s.Socket + " " + queue
	case before != nil && before.To == record.Listen:
		return s.Socket + " " + s.To
	case before == nil || s.From != s.To:
		if queued(s) {
			return s.To + ", queued"
		}
		return s.To
	}
	var words []string
	if queued(before) && !queued(s) {
		words = append(words, "accepted")
	}
	if s.RQueue != before.RQueue {
		words = append(words, readText(before, s))
	}
	if s.WQueue != before.WQueue {
		words = append(words, ackedText(before, s))
	}
	return strings.Join(words, ", ")
}

// readText says what a socket that was before has to read now.
func readText(before, s *record.State) string {
	switch now := toRead(s); {
	case now != "":
		return now + " to read"
	case toRead(before) == endOfStream:
		return endOfStream + " read"
	}
	return "all read"
}

// ackedText says what is not acknowledged now of a socket that was before.
func ackedText(before, s *record.State) string {
	now, then := notAcked(s), notAcked(before)
	switch {
	case now != "":
		return now + " not acked"
	case then == "SYN" || then == "FIN":
		return then + " acked"
	}
	return "all acked"
}

// queued reports whether a connection waits for accept: its handshake is complete,
// and no program holds it. (What a program has closed is in neither state.)
func queued(s *record.State) bool {
	return (s.To == record.Established || s.To == record.CloseWait) && !s.Descriptor
}

// The kernel's queues count a SYN and a FIN as one byte each, for they take one
// sequence number each. Nobody reads or writes them, so they are told apart from data:
// the FIN of either side is the last in its queue, and the state says that it was
// received, or sent.

// endOfStream is what a FIN is to the program that reads.
const endOfStream = "end of stream"

// toRead is what waits in a socket's receive queue; "" for nothing. The end of the
// stream is none to a socket that was closed: nobody is going to read it.
func toRead(s *record.State) string {
	data, fin := s.RQueue, false
	switch s.To {
	case record.CloseWait, record.Closing, record.LastAck:
		if data > 0 {
			data, fin = data-1, s.Descriptor || queued(s)
		}
	}
	return parts("", data, fin, endOfStream)
}

// notAcked is what waits in a socket's send queue to be acknowledged; "" for nothing.
func notAcked(s *record.State) string {
	data, syn, fin := s.WQueue, "", false
	switch s.To {
	case record.SynSent, record.SynRecv:
		if data > 0 {
			data, syn = data-1, "SYN"
		}
	case record.FinWait1, record.Closing, record.LastAck:
		if data > 0 {
			data, fin = data-1, true
		}
	}
	return parts(syn, data, fin, "FIN")
}

// parts puts together what is in a queue.
func parts(first string, data uint32, last bool, lastName string) string {
	var words []string
	if first != "" {
		words = append(words, first)
	}
	if data > 0 {
		words = append(words, bytesText(data))
	}
	if last {
		words = append(words, lastName)
	}
	return strings.Join(words, " and ")
}

func bytesText(n uint32) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}
