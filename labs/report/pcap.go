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
// for each host, and in a comment on each packet what became of it and of both ends.
// Which packets there are is a matter of its Side.
//
// It may be fed while the run goes on. What is written is always whole, so that
// a run that is cut short leaves a file that can be read.
//
// Packets are in the order of their times. Segments are numbered (ID) in the order in
// which they were sent, so a packet is written once nothing that was sent before it is
// undecided: what waits on the wire keeps back what passes it by.
type Capture struct {
	w       io.Writer
	blocks  []byte // what is not written to w yet
	side    Side
	link    uint16
	start   time.Time
	hosts   map[string]int   // their interfaces
	fates   map[int]decision // the latest of each packet, by its ID
	sockets *sockets
	latest  *record.Segment // to be written once its consequences are known
	at      time.Duration   // when the latest was decided
	moves   []move          // what the latest has led to
	counts  []count         // what counters it has made rise
	reason  string          // why the kernel has dropped the latest segment, if it says so
	err     error           // the first

	kept    []sight            // packets that are not in blocks yet
	held    map[int]heldOnWire // segments that are held, where a packet tells all of a segment
	decided int                // all segments with an ID up to this one are decided
	until   time.Duration      // when the last of these was sent: nothing to come is earlier
}

// A Side says where the packets of a capture were seen.
type Side string

// The sides, beside the names of hosts: what a host has sent, and what has reached it.
const (
	Senders Side = "" // each segment once, as its sender has sent it, whether or not it arrives
	Both    Side = "both"
)

// A decision is what became of a segment, and when it was sent.
type decision struct {
	fate record.Fate
	sent time.Duration
}

// A sight is a packet as a host has seen it.
type sight struct {
	at    time.Duration
	block []byte
}

// A heldOnWire is a segment whose packet is written when it is let go.
type heldOnWire struct {
	since   time.Duration
	segment *record.Segment
	ends    string
}

// A RecordError says what is in a record that can't be in a capture.
type RecordError string

func (e RecordError) Error() string { return string(e) }

func recordError(format string, args ...any) error {
	return RecordError(fmt.Sprintf(format, args...))
}

// Pcap writes a whole run. What the record is to blame for is a RecordError.
func Pcap(w io.Writer, r *record.Run, side Side) error {
	c, err := NewCapture(w, r, side)
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
func NewCapture(w io.Writer, r *record.Run, side Side) (*Capture, error) {
	c := &Capture{
		w: w, side: side, held: map[int]heldOnWire{}, link: linkOf(r), start: r.Environment.Start,
		hosts: map[string]int{}, fates: map[int]decision{}, sockets: newSockets(r),
	}
	if c.start.IsZero() { // the record is older than the field
		c.start = time.Unix(0, 0)
	}
	if len(r.Environment.Hosts) == 0 {
		return nil, RecordError("the record has no hosts")
	}
	c.blocks = section(r)
	for i, h := range r.Environment.Hosts {
		c.hosts[h.Name] = i
		c.blocks = appendInterface(c.blocks, c.link, optionText(h.Name), optionText(hostText(h)))
	}
	if _, ok := c.hosts[string(side)]; !ok && side != Senders && side != Both {
		return nil, recordError("there is no host %q", string(side))
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
		c.sockets.rises.add(v)
		if rose := countOf(v, c.sockets.rises); rose.text != "" {
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
	switch v := e.Body.(type) {
	case *record.Segment:
		c.latest, c.at = v, e.At
	case *record.ICMP:
		c.packet(&record.Segment{ID: v.About, Src: v.Dest, Raw: v.Raw}, v.To, e.At, inbound, "made by tcplab, about the segment with this packet ID.")
	}
	return c.err
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
	what := row{host: s.To, segment: s, counts: c.counts, states: make([]string, len(c.moves))}
	if c.reason != "" {
		what.kernel = []string{dropsIt + c.reason}
	}
	before, known := c.fates[s.ID]
	if c.side == Senders {
		c.once(s, &what, known, ends)
	} else {
		c.sides(s, &what, known, before.fate == record.Held, ends)
	}
	c.latest, c.moves, c.counts, c.reason = nil, nil, nil, ""
	c.fates[s.ID] = decision{s.Fate, s.SentAt}
	c.decide()
	if c.err == nil {
		c.err = c.write()
	}
	return c.err
}

// once adds a segment as it was sent. One that is held waits for what becomes of it; a
// copy that tcplab delivers was not sent.
func (c *Capture) once(s *record.Segment, what *row, known bool, ends string) {
	held, waited := c.held[s.ID]
	switch {
	case s.Forged && (s.Fate == record.Delivered || s.Fate == record.Injected):
		c.packet(s, s.To, c.at, inbound, saysArrived(s, false)+saysThrown(what)+" "+ends)
	case s.Forged, known && !waited:
	case s.Fate == record.Held && !waited:
		c.held[s.ID] = heldOnWire{c.at, s, ends}
	case s.Fate == record.Held:
	case waited:
		delete(c.held, s.ID)
		c.packet(s, s.From, s.SentAt, outbound, saysSent(s, c.at-held.since)+saysThrown(what)+" "+ends)
	default:
		c.packet(s, s.From, s.SentAt, outbound, saysSent(s, 0)+saysThrown(what)+" "+ends)
	}
}

// sides adds a segment where it was sent, and each time that it has arrived.
func (c *Capture) sides(s *record.Segment, what *row, known, held bool, ends string) {
	if !known && !s.Forged {
		c.packet(s, s.From, s.SentAt, outbound, saysSent(s, 0)+saysThrown(what)+" "+ends)
	}
	if s.Fate == record.Delivered || s.Fate == record.Injected {
		c.packet(s, s.To, c.at, inbound, saysArrived(s, held)+saysThrown(what)+" "+ends)
	}
}

// decide hands on what can be written now that one more segment is decided.
func (c *Capture) decide() {
	for c.isDecided(c.decided + 1) {
		c.decided++
		c.until = max(c.until, c.fates[c.decided].sent)
	}
	n := 0
	for n < len(c.kept) && c.kept[n].at <= c.until {
		n++
	}
	c.release(n)
}

// isDecided reports whether no earlier packet can come of a segment.
func (c *Capture) isDecided(id int) bool {
	_, known := c.fates[id]
	_, waits := c.held[id]
	return known && !waits
}

// keep takes a packet into the order of time. It is mostly the latest.
func (c *Capture) keep(p sight) {
	i := len(c.kept)
	for i > 0 && c.kept[i-1].at > p.at {
		i--
	}
	c.kept = slices.Insert(c.kept, i, p)
}

// release hands on the first packets that were kept.
func (c *Capture) release(n int) {
	for _, p := range c.kept[:n] {
		c.blocks = append(c.blocks, p.block...)
	}
	c.kept = c.kept[n:]
}

// Close writes what is left to be written. It does not close the writer.
func (c *Capture) Close() error {
	if err := c.Flush(); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(c.held)) {
		h := c.held[id]
		c.packet(h.segment, h.segment.From, h.segment.SentAt, outbound, saysWhyOr(h.segment, "sent")+", held on the wire. "+h.ends)
	}
	clear(c.held)
	c.release(len(c.kept))
	if c.err == nil {
		c.err = c.write()
	}
	return c.err
}

// packet adds a segment as a host has seen it. Both sides of it have one packet
// ID, by which they can be found.
func (c *Capture) packet(s *record.Segment, host string, at time.Duration, direction uint32, comment string) {
	if c.err != nil {
		return
	}
	intf, ok := c.hosts[host]
	when := c.start.Add(at)
	version, header := onLink(c.link, s.Src.Addr())
	switch {
	case !ok:
		c.err = recordError("segment %d: there is no host %q", s.ID, host)
		return
	case !isIP(version, s.Raw):
		c.err = recordError("segment %d: its %d raw bytes are no IPv%d packet", s.ID, len(s.Raw), version)
		return
	case when.Before(time.Unix(0, 0)) || when.After(time.Unix(0, math.MaxInt64)):
		c.err = recordError("segment %d: pcapng has no time for %v", s.ID, when)
		return
	}
	if c.side != Senders && c.side != Both && host != string(c.side) {
		return
	}
	c.keep(sight{at, appendPacket(nil, ngPacket{
		intf: intf, at: when, raw: slices.Concat(header, s.Raw), direction: direction, id: uint64(s.ID), comment: optionText(comment),
	})})
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
