package report

import "github.com/tcplab/tcplab/labs/record"

// causeLabel says on a segment's arrow why it was sent, where no call and no
// segment before it shows that: in the field's words.
func causeLabel(s *record.Segment) string {
	switch s.Cause {
	case record.ByDuplicates:
		return "fast retransmit"
	case record.BySlowStart:
		return "slow start"
	case record.ByICMP:
		return "after ICMP"
	case record.ByProbe:
		return "TLP"
	case record.ByKeepalive:
		return "keepalive"
	case record.ByWindowProbe:
		return "window probe"
	}
	if s.Retransmission {
		return "again"
	}
	return ""
}

// saysWhy says the same in a sentence: "sent again because its timer ran out". It
// is empty for a segment that is sent for the first time, as it is expected to be.
func saysWhy(s *record.Segment) string {
	sent := "sent"
	if s.Retransmission {
		sent = "sent again"
	}
	switch s.Cause {
	case record.ByTimer:
		return sent + " because its timer ran out"
	case record.ByDuplicates:
		return sent + " because acknowledgements showed that it was lost (fast retransmit)"
	case record.BySlowStart:
		return sent + " because after a timeout all that was on its way counts as lost, and an acknowledgement lets it go again (slow start)"
	case record.ByICMP:
		return sent + " because an ICMP message said that it was too big"
	case record.BySYNACK:
		return sent + " because the SYN,ACK did not acknowledge the SYN's data"
	case record.ByAnswer:
		return sent + " because what it answers came again"
	case record.ByProbe:
		return sent + " as a tail loss probe (TLP)"
	case record.ByKeepalive:
		return sent + " as a keepalive probe"
	case record.ByWindowProbe:
		return sent + " as a window probe"
	case record.ByDelay:
		return sent + " when the delayed-ACK timer ran out"
	}
	if s.Retransmission {
		return sent
	}
	return ""
}

// timestampMeans are the changes of a forged segment's timestamp, in words.
var timestampMeans = map[record.Timestamp]string{
	record.OlderTimestamp: "with an older timestamp",
	record.NewerTimestamp: "with a newer timestamp",
	record.NoTimestamp:    "without a timestamp",
}

// causeMeans are the causes in the words of a table.
var causeMeans = map[record.Cause]string{
	record.ByTimer:       "the retransmission timer ran out",
	record.ByDuplicates:  "acknowledgements showed that it was lost: fast retransmit",
	record.BySlowStart:   "slow start after a timeout: all that was on its way counts as lost",
	record.ByICMP:        "an ICMP message said that it was too big",
	record.BySYNACK:      "the SYN,ACK did not acknowledge the SYN's data",
	record.ByAnswer:      "what it answers came again",
	record.ByProbe:       "a tail loss probe (TLP)",
	record.ByKeepalive:   "the keepalive timer ran out",
	record.ByWindowProbe: "the persist timer ran out: a window probe",
	record.ByDelay:       "the delayed-ACK timer ran out",
	record.ByUnknown:     "unknown",
}
