package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/tcplab/tcplab/labs/record"
)

// opened reads a capture to its end.
func opened(t testing.TB, data []byte) (file *pcapgo.NgReader, packets []packet) {
	t.Helper()
	file, err := pcapgo.NewNgReader(bytes.NewReader(data), pcapgo.NgReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		var p packet
		var about gopacket.CaptureInfo
		p.raw, about, p.NgPacketOptions, err = file.ReadPacketDataWithOptions()
		if err == io.EOF {
			return file, packets
		}
		if err != nil {
			t.Fatalf("packet %d: %v", len(packets)+1, err)
		}
		intf, err := file.Interface(about.InterfaceIndex)
		if err != nil {
			t.Fatal(err)
		}
		p.host, p.at = intf.Name, about.Timestamp
		packets = append(packets, p)
	}
}

type packet struct {
	pcapgo.NgPacketOptions
	raw  []byte
	host string
	at   time.Time
}

func (p packet) String() string {
	way := map[pcapgo.NgEpbFlag]string{pcapgo.NgEpbFlagDirectionInbound: "in ", pcapgo.NgEpbFlagDirectionOutbound: "out"}
	return fmt.Sprintf("%s %s %d %s", p.host, way[p.Flags.Direction], *p.PacketID, strings.Join(p.Comments, "|"))
}

func captured(t testing.TB, r *record.Run, side Side) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Pcap(&b, r, side); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func diffLines[T fmt.Stringer](want string, got []T) string {
	var lines []string
	for _, g := range got {
		lines = append(lines, g.String())
	}
	return cmp.Diff(strings.Split(strings.TrimSpace(want), "\n"), lines)
}

// Each segment is there once as it was sent, and once for each time that it
// arrived.
func TestPcapFates(t *testing.T) {
	_, packets := opened(t, captured(t, fates(), Both))
	if diff := diffLines(`
client out 1 sent, lost on the wire. client SYN_SENT, server LISTEN (queue 0 of 16)
client out 2 sent again, held on the wire. client SYN_SENT, server LISTEN (queue 0 of 16)
server in  2 arrives, held on the wire until now. client SYN_SENT, server SYN_RECV (was LISTEN; no descriptor)
server in  2 a copy made by tcplab arrives. client SYN_SENT, server SYN_RECV (no descriptor)
server in  3 forged by tcplab: the client never sent it. client SYN_SENT, server SYN_RECV (no descriptor)
client out 4 sent again, held on the wire. client SYN_SENT, server SYN_RECV (no descriptor)
server out 5 sent, lost on the wire. client SYN_SENT, server SYN_RECV (no descriptor)
server out 6 sent again, held on the wire. client SYN_SENT, server SYN_RECV (no descriptor)
client in  6 arrives, held on the wire until now. client ESTABLISHED (was SYN_SENT), server SYN_RECV (no descriptor)
client in  6 a copy made by tcplab arrives. client ESTABLISHED, server SYN_RECV (no descriptor)
server out 7 sent again, held on the wire. client ESTABLISHED, server SYN_RECV (no descriptor)
`, packets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A copy may arrive before what it is a copy of; a connection that is not the
// comment's is no part of it; a host may have no socket.
func TestPcapComments(t *testing.T) {
	s := tell("What the comments say", "client", "server")
	s.connect(40000)
	s.connect(40001)
	syn := s.segment("client", "server", 40000, "SYN", 0, 0, 0, record.Injected)
	s.state("client", "40001->80", record.SynSent, record.Close)
	s.later(syn, record.Delivered)
	s.segment("client", "server", 40001, "RST", 1, 0, 0, record.Dropped).Forged = true
	last := s.segment("client", "server", 40001, "SYN", 0, 0, 0, record.Dropped)
	last.SentAt = 42 * time.Microsecond
	_, packets := opened(t, captured(t, &s.run, Both))
	if diff := diffLines(`
client out 1 sent, on the wire, and a copy of it delivered. client SYN_SENT, server without a socket
server in  1 a copy made by tcplab arrives. client SYN_SENT, server without a socket
server in  1 arrives. client SYN_SENT, server without a socket
client out 3 sent, lost on the wire. client CLOSE, server without a socket
`, packets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPcapHeader(t *testing.T) {
	r := handshake()
	r.Environment.Start = time.Date(2026, 2, 3, 4, 5, 6, 789_000, time.UTC)
	r.Environment.Tcplab = "v1.2.3"
	file, packets := opened(t, captured(t, r, Both))
	want := pcapgo.NgSectionInfo{
		OS: "Linux 6.18.44", Application: "tcplab v1.2.3",
		Comment: "lab: example\ntitle: A connection is established before accept is called\narguments: n=1\nkernel: Linux 6.18.44\ntcplab: v1.2.3",
	}
	if diff := cmp.Diff(want, file.SectionInfo()); diff != "" {
		t.Errorf("section (-want +got):\n%s", diff)
	}
	for i, name := range []string{"client", "server"} {
		intf, err := file.Interface(i)
		if err != nil {
			t.Fatal(err)
		}
		if intf.Name != name || intf.Description != name+" "+addressOf[name].String() ||
			intf.TimestampResolution != 9 || intf.LinkType != layers.LinkTypeIPv4 {
			t.Errorf("interface %d is %+v", i, intf)
		}
	}
	syn := r.Events[8]
	if got, want := packets[1].at, r.Environment.Start.Add(syn.At); !got.Equal(want) {
		t.Errorf("the SYN arrives at %v, want %v", got, want)
	}
	if got, want := packets[1].raw, syn.Body.(*record.Segment).Raw; !bytes.Equal(got, want) {
		t.Errorf("the SYN is %x, want %x", got, want)
	}
}

// Where hosts have addresses of both versions of IP, packets of both are in one file:
// with the family before each, for which both Wireshark and tcpdump have a type.
func TestPcapBothFamilies(t *testing.T) {
	r := handshake()
	hosts := r.Environment.Hosts
	hosts[1].Addresses = append(slices.Clone(hosts[1].Addresses), netip.MustParseAddr("2001:db8::2"))
	s := r.Events[12].Body.(*record.Segment)
	s.Src, s.Dst = netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.MustParseAddrPort("[2001:db8::2]:80")
	s.Raw = append([]byte{0x60}, make([]byte, 59)...)
	file, packets := opened(t, captured(t, r, Senders))
	for i := range hosts {
		intf, err := file.Interface(i)
		if err != nil || intf.LinkType != layers.LinkTypeNull {
			t.Errorf("interface %d is %+v, %v", i, intf, err)
		}
	}
	var got []string
	for _, p := range packets {
		got = append(got, fmt.Sprintf("%x", p.raw[:5]))
	}
	if want := []string{"0200000045", "0200000045", "1e00000060"}; !slices.Equal(got[:3], want) {
		t.Errorf("packets begin with %q, want %q", got, want)
	}
}

// At any time what is written can be read, and is the beginning of the whole file,
// which is in the order of time.
func TestPcapAsItHappens(t *testing.T) {
	for name, r := range map[string]*record.Run{"fates": fates(), "self-loop": selfLoop("client"), "wait": wait(), "counts": counts()} {
		for _, side := range []Side{Senders, Both, "client"} {
			whole := captured(t, r, side)
			var b bytes.Buffer
			c, err := NewCapture(&b, r, side)
			if err != nil {
				t.Fatal(err)
			}
			for i, e := range r.Events {
				if err := c.Add(e); err != nil {
					t.Fatal(err)
				}
				if !bytes.HasPrefix(whole, b.Bytes()) {
					t.Errorf("%s, %q: after event %d it is not the beginning of the whole file", name, side, i)
				}
				opened(t, b.Bytes())
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), whole) {
				t.Errorf("%s, %q: as it happens it is another file than afterwards", name, side)
			}
			_, packets := opened(t, whole)
			if !slices.IsSortedFunc(packets, func(a, b packet) int { return a.at.Compare(b.at) }) {
				t.Errorf("%s, %q: the packets are not in the order of time", name, side)
			}
		}
	}
}

// A segment is written before what follows it is sent, unless one that was sent
// before it is still on the wire.
func TestPcapKeepsBack(t *testing.T) {
	s := tell("One segment passes another", "client", "server")
	first := s.segment("client", "server", 40000, "SYN", 0, 0, 0, record.Delivered)
	held := s.segment("client", "server", 40001, "SYN", 0, 0, 0, record.Held)
	s.segment("client", "server", 40002, "SYN", 0, 0, 0, record.Delivered)
	s.part("It is let go")
	let := len(s.run.Events)
	s.later(held, record.Delivered)
	s.part("The end")
	var b bytes.Buffer
	c, err := NewCapture(&b, &s.run, Senders)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range s.run.Events {
		if err := c.Add(e); err != nil {
			t.Fatal(err)
		}
		_, packets := opened(t, b.Bytes())
		if want := map[int]int{1: 1, let - 1: 1, len(s.run.Events) - 1: 3}[i]; want > 0 && len(packets) != want {
			t.Errorf("after event %d there are %d packets, want %d (%d is the first)", i, len(packets), want, first.ID)
		}
	}
}

// By default each segment is there once, as its sender has sent it.
func TestPcapSenders(t *testing.T) {
	_, packets := opened(t, captured(t, fates(), Senders))
	if diff := diffLines(`
client out 1 sent, lost on the wire. client SYN_SENT, server LISTEN (queue 0 of 16)
client out 2 sent again, held on the wire for 0.10 ms, delivered. client SYN_SENT, server SYN_RECV (was LISTEN; no descriptor)
server in  3 forged by tcplab: the client never sent it. client SYN_SENT, server SYN_RECV (no descriptor)
client out 4 sent again, held on the wire for 0.20 ms, lost on the wire. client SYN_SENT, server SYN_RECV (no descriptor)
server out 5 sent, lost on the wire. client SYN_SENT, server SYN_RECV (no descriptor)
server out 6 sent again, held on the wire for 0.10 ms, delivered. client ESTABLISHED (was SYN_SENT), server SYN_RECV (no descriptor)
server out 7 sent again, held on the wire for 0.20 ms, lost on the wire. client ESTABLISHED, server SYN_RECV (no descriptor)
`, packets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, packets = opened(t, captured(t, counts(), Senders))
	if got := packets[3].String(); got != "client out 4 sent, delivered. It is dropped by the server. client SYN_SENT, server LISTEN (queue 1 of 16). The server's kernel counts ListenDrops +2, ListenOverflows +1 (the accept queue is full)" {
		t.Errorf("a SYN that is dropped: %s", got)
	}
	_, err := NewCapture(io.Discard, fates(), "router")
	if err == nil || err.Error() != `there is no host "router"` {
		t.Errorf("a side that is no host: %v", err)
	}
}

// A record that can't be a capture is refused, and what is written before can
// be read.
func TestPcapRefuses(t *testing.T) {
	segment := func(change func(*record.Segment)) func(*record.Run) {
		return func(r *record.Run) { change(r.Events[12].Body.(*record.Segment)) }
	}
	for want, change := range map[string]func(*record.Run){
		"segment 3: its 0 raw bytes are no IPv4 packet":                          segment(func(s *record.Segment) { s.Raw = nil }),
		"segment 3: its 19 raw bytes are no IPv4 packet":                         segment(func(s *record.Segment) { s.Raw = s.Raw[:19] }),
		"segment 3: its 40 raw bytes are no IPv4 packet":                         segment(func(s *record.Segment) { s.Raw[0] = 0x55 }),
		"segment 3: its 100000 raw bytes are no IPv4 packet":                     segment(func(s *record.Segment) { s.Raw = append(s.Raw, make([]byte, 100_000-40)...) }),
		`segment 3: there is no host "router"`:                                   segment(func(s *record.Segment) { s.To = "router" }),
		"segment 3: pcapng has no time for 1969-12-31 23:59:59.999999 +0000 UTC": segment(func(s *record.Segment) { s.SentAt = -time.Microsecond }),
		"segment 1: pcapng has no time for 2300-01-01 00:00:00.00085 +0000 UTC": func(r *record.Run) {
			r.Environment.Start = time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
		},
		"the record has no hosts": func(r *record.Run) { r.Environment.Hosts = nil },
	} {
		r := handshake()
		r.Environment.Start = time.Unix(0, 0).UTC()
		change(r)
		var b bytes.Buffer
		if err := Pcap(&b, r, Both); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if b.Len() > 0 {
			opened(t, b.Bytes())
		}
	}
}

// full takes some bytes and no more.
type full struct{ room int }

var errFull = errors.New("it is full")

func (f *full) Write(data []byte) (int, error) {
	if f.room -= len(data); f.room < 0 {
		return 0, errFull
	}
	return len(data), nil
}

func TestPcapWriteFails(t *testing.T) {
	size := len(captured(t, handshake(), Both))
	for room := range size {
		if err := Pcap(&full{room}, handshake(), Both); !errors.Is(err, errFull) {
			t.Fatalf("with room for %d bytes of %d: %v", room, size, err)
		}
	}
	if err := Pcap(&full{size}, handshake(), Both); err != nil {
		t.Error(err)
	}
}

// Whatever is accepted as a record is refused as a capture, or written so that
// it can be read.
func FuzzPcap(f *testing.F) {
	for _, r := range []*record.Run{
		handshake(), fates(), selfLoop("server"), wait(), hostile(), causes(), counts(), icmp(), threeHosts(), {Outcome: record.Expected, States: record.Stepped},
	} {
		var b bytes.Buffer
		if err := JSON(&b, r); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r record.Run
		if json.Unmarshal(data, &r) != nil {
			return
		}
		for _, side := range []Side{Senders, Both, "client"} {
			fuzzPcap(t, &r, side)
		}
	})
}

func fuzzPcap(t *testing.T, r *record.Run, side Side) {
	var b bytes.Buffer
	if err := Pcap(&b, r, side); err != nil && b.Len() == 0 {
		return
	}
	_, packets := opened(t, b.Bytes())
	for _, p := range packets {
		if len(p.Comments) != 1 || strings.ContainsFunc(p.Comments[0], func(r rune) bool { return !printable(r) }) {
			t.Errorf("comments %q", p.Comments)
		}
	}
}

// Wireshark has nothing to complain of.
func TestPcapTshark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		if os.Getenv("TCPLAB_REQUIRE_PRIV") == "1" {
			t.Fatal("TCPLAB_REQUIRE_PRIV is set, and tshark is missing")
		}
		t.Skip("tshark is missing")
	}
	for name, r := range map[string]*record.Run{"handshake": handshake(), "fates": fates()} {
		r.Environment.Start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, captured(t, r, Both), 0o644); err != nil {
			t.Fatal(err)
		}
		_, packets := opened(t, captured(t, r, Both))
		cmd := exec.Command("tshark", "-r", file, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE",
			"-T", "fields", "-E", "separator=/s", "-e", "frame.interface_name", "-e", "ip.checksum.status", "-e", "tcp.checksum.status",
			"-e", "_ws.malformed", "-e", "frame.comment")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, &stderr)
		}
		var want strings.Builder
		for _, p := range packets { // 1: the checksum is good
			fmt.Fprintf(&want, "%s 1 1  %s\n", p.host, p.Comments[0])
		}
		if diff := cmp.Diff(want.String(), string(out)); diff != "" {
			t.Errorf("%s (-want +tshark):\n%s", name, diff)
		}
	}
}
