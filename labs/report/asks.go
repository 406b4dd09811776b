package report

import "fmt"

// askedCall is a call without what it returns in its arguments.
func askedCall(r *row) string {
	if len(r.call.Args) > 0 && (r.call.Call == "read" || r.call.Call == "getsockopt") {
		return fmt.Sprintf("%s on descriptor %s", r.call.Call, r.call.Args[0])
	}
	return r.text
}

// asks is a question whose answer is the row: what it gives away is what happens, and
// not what comes of it.
func asks(r *row) string {
	switch {
	case r.sentence != "":
		return ""
	case r.kind == verdict:
		return "Is this so? " + r.claim.Text
	case r.kind == waiting: // not a pause, which leads to nothing
		return "Nothing moves until a timer of the kernel runs out. Whose, which one, after how long, and what does it do then?"
	case r.kind != 0:
		return ""
	case r.segment != nil && r.again:
		return fmt.Sprintf("The %s's %s was held on the wire, and goes on now. What does it change at the %s?", r.segment.From, r.segment.Flags, r.segment.To)
	case r.segment != nil && r.segment.Forged:
		return fmt.Sprintf("tcplab forges a segment to the %s that looks like the %s's: %s. What does it change?", r.segment.To, r.segment.From, r.label)
	case r.segment != nil:
		return fmt.Sprintf("The %s's kernel sends a segment. Which one is it, does it arrive, and what does it change at the %s?", r.segment.From, r.segment.To)
	case r.icmp != nil:
		return fmt.Sprintf("An ICMP error reaches the %s. What does it do to the socket that it is about?", r.host)
	case r.call != nil:
		return fmt.Sprintf("The %s's program calls %s. What does the call return, and what changes?", r.host, askedCall(r))
	}
	return ""
}
