package report

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// A Capture writes the segments of a run as pcapng, for Wireshark: an interface
// for each host, each segment where it was sent and where it arrived, and in a
// comment what became of it and of both ends.
//
// It may be fed while the run goes on. What is written is always whole, so that
// a run that is cut short leaves a file that can be read.
//
// Packets are in the order in which their fates were decided, the sender's side
// before the receiver's, each with its own time: what waits on the wire while
// others pass it by stands behind them with an earlier time. To have them in the
// order of time, every segment would have to be kept back until all those sent
// before it are decided, which may be at the end of the run.
type Capture struct {
	w       io.Writer
	blocks  []byte // what is not written to w yet
	version int    // of IP
	start   time.Time
	hosts   map[string]int      // their interfaces
	fates   map[int]record.Fate // the latest of each packet, by its ID
	sockets *sockets
	latest  *record.Segment // to be written once its consequences are known
	at      time.Duration   // when the latest was decided
	moves   []move          // what the latest has led to
	counts  []count         // what counters it has made rise
	reason  string          // why the kernel has dropped the latest segment, if it says so
	err     error           // the first
}

// A RecordError says what is in a record that can't be in a capture.
type RecordError string

func (e RecordError) Error() string { return string(e) }

func recordError(format string, args ...any) error {
	return RecordError(fmt.Sprintf(format, args...))
}

// Pcap writes a whole run. What the record is to blame for is a RecordError.
func Pcap(w io.Writer, r *record.Run) error {
	c, err := NewCapture(w, r)
	if err != nil {
		return err
	}
	for _, e := range r.Events {
		if err := c.Add(e); err != nil {
			return err
		}
	}
	return c.Close()
}

// NewCapture begins a file. It takes the lab and the environment from r, and no
// events.
func NewCapture(w io.Writer, r *record.Run) (*Capture, error) {
	c := &Capture{
		w: w, version: 4, start: r.Environment.Start,
		hosts: map[string]int{}, fates: map[int]record.Fate{}, sockets: newSockets(r),
	}
	if c.start.IsZero() { // the record is older than the field
		c.start = time.Unix(0, 0)
	}
	// Not the type "raw", which stands for both: tcpdump (libpcap 1.10) refuses a
	// file with two interfaces of that type.
	var link uint16 = linkIPv4
	if r.Environment.IPv6 {
		c.version, link = 6, linkIPv6
	}
	if len(r.Environment.Hosts) == 0 {
		return nil, RecordError("the record has no hosts")
	}
	c.blocks = section(r)
	for i, h := range r.Environment.Hosts {
		c.hosts[h.Name] = i
		c.blocks = appendInterface(c.blocks, link, optionText(h.Name), optionText(hostText(h)))
	}
	if err := c.write(); err != nil {
		return nil, err
	}
	return c, nil
}

// section says in the file's header what the capture is of.
func section(r *record.Run) []byte {
	env := r.Environment
	lines := []string{"lab: " + optionText(r.Lab), "title: " + optionText(r.Title)}
	if len(r.Args) > 0 {
		var args []string
		for _, name := range slices.Sorted(maps.Keys(r.Args)) {
			args = append(args, name+"="+r.Args[name])
		}
		lines = append(lines, "arguments: "+optionText(strings.Join(args, " ")))
	}
	lines = append(lines, "kernel: Linux "+optionText(env.Kernel), "tcplab: "+optionText(env.Tcplab))
	return appendSection(nil, optionText("tcplab "+env.Tcplab), strings.Join(lines, "\n"), optionText("Linux "+env.Kernel))
}

// optionText is a text that may stand in an option: it has no character that a
// terminal would act on, and is far shorter than the 64 KiB that an option holds.
func optionText(text string) string {
	const most = 2000
	text = (&printer{}).clean(text)
	if len(text) > most {
		text = cut(text, most)
	}
	return text
}

// Add takes the next event of the run.
func (c *Capture) Add(e record.Event) error {
	switch v := e.Body.(type) {
	case *record.State:
		c.moves = append(c.moves, move{c.sockets.see(v), v})
		return c.err
	case *record.Counters:
		if rose := countOf(v); rose.text != "" {
			c.counts = append(c.counts, rose)
		}
		return c.err
	case *record.Kernel: // it comes between a segment and the states that this has led to
		if c.latest != nil && v.ID == c.latest.ID && v.Event == record.KfreeSkb && !slices.Contains(noWhy, v.Reason) {
			c.reason = v.Reason
		}
		return c.err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	if s, ok := e.Body.(*record.Segment); ok {
		c.latest, c.at = s, e.At
	}
	return nil
}

// Flush writes the latest segment: nothing that comes is to be taken for what it
// has led to. There is no need for it but when a wait begins.
func (c *Capture) Flush() error {
	s := c.latest
	if s == nil || c.err != nil {
		c.moves, c.counts = nil, nil
		return c.err
	}
	c.sockets.follow(s)
	ends := saysEnds(c.sockets.ends(leftBy(c.moves)))
	for _, rose := range c.counts {
		ends += ". " + strings.TrimSuffix(rose.says(), ".")
	}
	arrived := saysArrived(s, c.fates[s.ID] == record.Held)
	if c.reason != "" && len(c.moves) == 0 { // one that has changed a state was taken in
		arrived += " " + explained("The kernel drops it: "+c.reason) + "."
	}
	c.latest, c.moves, c.counts, c.reason = nil, nil, nil, ""
	_, sent := c.fates[s.ID]
	if !sent && !s.Forged {
		c.packet(s, s.From, s.SentAt, outbound, saysSent(s)+" "+ends)
	}
	if s.Fate == record.Delivered || s.Fate == record.Injected {
		c.packet(s, s.To, c.at, inbound, arrived+" "+ends)
	}
	c.fates[s.ID] = s.Fate
	if c.err == nil {
		c.err = c.write()
	}
	return c.err
}

// Close writes what is left to be written. It does not close the writer.
func (c *Capture) Close() error { return c.Flush() }

// packet adds a segment as a host has seen it. Both sides of it have one packet
// ID, by which they can be found.
func (c *Capture) packet(s *record.Segment, host string, at time.Duration, direction uint32, comment string) {
	if c.err != nil {
		return
	}
	intf, ok := c.hosts[host]
	when := c.start.Add(at)
	switch {
	case !ok:
		c.err = recordError("segment %d: there is no host %q", s.ID, host)
		return
	case !isIP(c.version, s.Raw):
		c.err = recordError("segment %d: its %d raw bytes are no IPv%d packet", s.ID, len(s.Raw), c.version)
		return
	case when.Before(time.Unix(0, 0)) || when.After(time.Unix(0, math.MaxInt64)):
		c.err = recordError("segment %d: pcapng has no time for %v", s.ID, when)
		return
	}
	c.blocks = appendPacket(c.blocks, ngPacket{
		intf: intf, at: when, raw: s.Raw, direction: direction, id: uint64(s.ID), comment: optionText(comment),
	})
}

// isIP reports whether raw may be a packet of that version of IP: it has at least
// a header, and no more than the header has room to tell of.
func isIP(version int, raw []byte) bool {
	header, most := 20, 1<<16-1
	if version == 6 {
		header, most = 40, 40+1<<16-1
	}
	return len(raw) >= header && len(raw) <= most && int(raw[0]>>4) == version
}

// write hands over what is complete, at once.
func (c *Capture) write() error {
	_, err := c.w.Write(c.blocks)
	c.blocks = c.blocks[:0]
	return err
}

// saysSent tells at the sender what becomes of a segment.
func saysSent(s *record.Segment) string {
	what := saysWhy(s)
	if what == "" {
		what = "sent"
	}
	switch s.Fate {
	case record.Dropped:
		return what + ", lost on the wire."
	case record.Held:
		return what + ", held on the wire."
	case record.Injected:
		return what + ", on the wire, and a copy of it delivered."
	}
	return what + ", delivered."
}

// saysArrived tells at the receiver how a segment came.
func saysArrived(s *record.Segment, held bool) string {
	switch {
	case s.Forged:
		return fmt.Sprintf("forged by tcplab: the %s never sent it.", s.From)
	case s.Fate == record.Injected:
		return "a copy made by tcplab arrives."
	case held:
		return "arrives, held on the wire until now."
	}
	return "arrives."
}

// saysEnds tells what both ends are.
func saysEnds(ends []End) string {
	var all []string
	for _, e := range ends {
		if e.State == "" {
			all = append(all, e.Host+" without a socket")
			continue
		}
		var more []string
		if e.From != "" {
			more = append(more, "was "+e.From)
		}
		if e.Detail != "" {
			more = append(more, e.Detail)
		}
		text := e.Host + " " + e.State
		if more != nil {
			text += " (" + strings.Join(more, "; ") + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}
