package report

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// ssStates are the names that ss has for the states (iproute2, misc/ss.c: sstate_name).
var ssStates = map[string]string{
	record.Established: "ESTAB", record.SynSent: "SYN-SENT", record.SynRecv: "SYN-RECV", record.FinWait1: "FIN-WAIT-1",
	record.FinWait2: "FIN-WAIT-2", record.TimeWait: "TIME-WAIT", record.Close: "UNCONN", record.CloseWait: "CLOSE-WAIT",
	record.LastAck: "LAST-ACK", record.Listen: "LISTEN", record.Closing: "CLOSING",
}

// ssTimers are its names for the timers (tcp_timer_print).
var ssTimers = map[string]string{"retransmit": "on", "keepalive": "keepalive", "timewait": "timewait", "probe": "persist"}

// ssLine is the line that `ss -tano` prints for a socket, with one space between
// columns; "" for one that is gone. The memory, the congestion control and the rest that
// -i and -e add are not in the record. Without times a timer's is left out.
func ssLine(s *record.State, times bool) string {
	name, ok := ssStates[s.To]
	if !ok || s.To == record.Close {
		return ""
	}
	line := fmt.Sprintf("%s %d %d %s %s", name, s.RQueue, s.WQueue, s.Local, ssPeer(s))
	if s.Timer == "" {
		return line
	}
	timer, ok := ssTimers[s.Timer]
	if !ok {
		timer = "unknown"
	}
	left := "…"
	if times {
		left = ssTime(s.ExpiresMS)
	}
	return line + fmt.Sprintf(" timer:(%s,%s,%d)", timer, left, s.Retransmits)
}

func ssPeer(s *record.State) string {
	switch {
	case s.Remote.IsValid():
		return s.Remote.String()
	case s.Local.Addr().Is4():
		return "0.0.0.0:*"
	}
	return "[::]:*"
}

// ssTime is a time as ss prints it (misc/ss.c: print_ms_timer).
func ssTime(ms int64) string {
	var b strings.Builder
	minutes, seconds := ms/60_000, ms/1000%60
	ms %= 1000
	if minutes > 0 {
		ms = 0
		fmt.Fprintf(&b, "%dmin", minutes)
		if minutes > 9 {
			seconds = 0
		}
	}
	if seconds > 0 {
		if seconds > 9 {
			ms = 0
		}
		unit := "sec"
		if ms > 0 {
			unit = "."
		}
		fmt.Fprintf(&b, "%d%s", seconds, unit)
	}
	if ms > 0 {
		fmt.Fprintf(&b, "%03dms", ms)
	}
	return b.String()
}

// rises are by how much the counters of the hosts' kernels have risen so far.
type rises struct {
	sum  map[string]map[string]int64 // host → counter
	text map[string]string           // host → the same in words; "" where it is to be made
}

func (k *rises) add(c *record.Counters) {
	if k.sum == nil {
		k.sum, k.text = map[string]map[string]int64{}, map[string]string{}
	}
	if k.sum[c.Host] == nil {
		k.sum[c.Host] = map[string]int64{}
	}
	for name, n := range c.Rose {
		k.sum[c.Host][name] += n
	}
	k.text[c.Host] = riseText(k.sum[c.Host])
}

var big = binary.BigEndian

// absolute returns a segment's sequence and acknowledgement numbers as they are on the
// wire, from its raw bytes.
func absolute(s *record.Segment) (seq, ack uint32, ok bool) {
	raw := s.Raw
	header := 0
	switch {
	case len(raw) >= 20 && raw[0]>>4 == 4:
		header = int(raw[0]&15) * 4
	case len(raw) >= 40 && raw[0]>>4 == 6:
		header = 40
	}
	if header == 0 || len(raw) < header+20 {
		return 0, 0, false
	}
	tcp := raw[header:]
	return big.Uint32(tcp[4:]), big.Uint32(tcp[8:]), true
}

// numbersText says what a segment's numbers are on the wire, and which initial sequence
// numbers (ISN) make them relative.
func numbersText(s *record.Segment) string {
	seq, ack, ok := absolute(s)
	if !ok {
		return ""
	}
	text := fmt.Sprintf("seq %d (ISN %d)", seq, seq-s.Seq)
	if strings.Contains(s.Flags, "ACK") {
		text += fmt.Sprintf(", ack %d (ISN %d)", ack, ack-s.Ack)
	}
	return text
}

// HeaderText says what of a segment's header the ladder has no room for: its window and
// options, and its numbers as they are on the wire.
func (s *Step) HeaderText() string {
	if s.Segment == nil {
		return ""
	}
	text := fmt.Sprintf("win %d", s.Segment.Win)
	if numbers := numbersText(s.Segment); numbers != "" {
		text = numbers + ", " + text
	}
	if s.Segment.Options != "" {
		text += ", options [" + s.Segment.Options + "]"
	}
	return (&printer{}).clean(text)
}
