package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/tcplab/tcplab/labs/record"
)

// A story makes a record by hand, an event every 100 µs.
type story struct {
	run  record.Run
	last int // ID of the latest segment
}

func tell(title string, hosts ...string) *story {
	s := &story{run: record.Run{
		Lab: "example", Title: title, Outcome: record.Expected, States: record.Stepped, Args: map[string]string{"n": "1"}, Given: []string{"--n=1"},
		Environment: record.Environment{Kernel: "6.18.44"},
	}}
	for _, h := range hosts {
		s.run.Environment.Hosts = append(s.run.Environment.Hosts, record.Host{Name: h, Addresses: []netip.Addr{addressOf[h]}})
	}
	return s
}

var addressOf = map[string]netip.Addr{
	"client": netip.MustParseAddr("192.0.2.1"), "server": netip.MustParseAddr("192.0.2.2"),
	"a": netip.MustParseAddr("192.0.2.11"), "b": netip.MustParseAddr("192.0.2.12"), "c": netip.MustParseAddr("192.0.2.13"),
}

// at is a port of a host's; a host that is none of the run's has an address too.
func (s *story) at(host string, port uint16) netip.AddrPort {
	for _, h := range s.run.Environment.Hosts {
		if h.Name == host {
			return netip.AddrPortFrom(h.Addresses[0], port)
		}
	}
	return netip.AddrPortFrom(netip.MustParseAddr("203.0.113.1"), port)
}

// peer is the host that another one's connections lead to.
func (s *story) peer(host string) string {
	for _, h := range s.run.Environment.Hosts {
		if h.Name != host {
			return h.Name
		}
	}
	return host
}

func (s *story) add(b record.Body) {
	at := time.Duration(len(s.run.Events)+1) * 100 * time.Microsecond
	s.run.Events = append(s.run.Events, record.Event{At: at, Body: b})
}

func (s *story) part(title string) { s.add(&record.Part{Title: title}) }

func (s *story) call(host, name, result string, args ...string) {
	s.add(&record.Call{Host: host, Call: name, Args: args, Result: result})
}

func (s *story) fails(host, name, errno string, args ...string) {
	s.add(&record.Call{Host: host, Call: name, Args: args, Result: "-1", Errno: errno})
}

// segment puts a segment between the client's port and port 80 on the wire.
func (s *story) segment(from, to string, port uint16, flags string, seq, ack uint32, n int, fate record.Fate) *record.Segment {
	s.last++
	v := &record.Segment{
		From: from, To: to, Src: s.at(from, port), Dst: s.at(to, 80), Flags: flags, Seq: seq, Ack: ack, Len: n, Fate: fate, ID: s.last,
	}
	if from == "server" {
		v.Src, v.Dst = s.at(from, 80), s.at(to, port)
	}
	v.Raw = s.raw(v)
	s.add(v)
	v.SentAt = s.run.Events[len(s.run.Events)-1].At - 50*time.Microsecond
	return v
}

// raw is the packet that a segment would be on the wire.
func (s *story) raw(v *record.Segment) []byte {
	has := func(flag string) bool { return slices.Contains(strings.Split(v.Flags, ","), flag) }
	ip := layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: v.Src.Addr().AsSlice(), DstIP: v.Dst.Addr().AsSlice()}
	tcp := layers.TCP{
		SrcPort: layers.TCPPort(v.Src.Port()), DstPort: layers.TCPPort(v.Dst.Port()), Seq: 1000 + v.Seq, Ack: 1000 + v.Ack,
		SYN: has("SYN"), ACK: has("ACK"), PSH: has("PSH"), FIN: has("FIN"), RST: has("RST"),
	}
	if !v.Src.Addr().Is4() || !v.Dst.Addr().Is4() {
		return nil
	}
	b := gopacket.NewSerializeBuffer()
	err := tcp.SetNetworkLayerForChecksum(&ip)
	if err == nil {
		err = gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
			&ip, &tcp, gopacket.Payload(make([]byte, v.Len)))
	}
	if err != nil {
		panic(err) // the story is wrong
	}
	return b.Bytes()
}

// later decides the fate of a segment once more.
func (s *story) later(v *record.Segment, fate record.Fate) {
	again := *v
	again.Fate = fate
	s.add(&again)
}

// state tells what became of a socket; the rest of s changes what it says.
func (s *story) state(host, socket, from, to string, change ...func(*record.State)) {
	v := &record.State{Host: host, Socket: socket, From: from, To: to, Descriptor: true}
	var local, remote uint16
	if _, err := fmt.Sscanf(strings.NewReplacer("<-", " ", "->", " ").Replace(socket), "%d %d", &local, &remote); err == nil {
		v.Local, v.Remote = s.at(host, local), s.at(s.peer(host), remote)
		if socket == "80->80" { // it is connected to itself
			v.Remote = v.Local
		}
	} else if _, err := fmt.Sscanf(socket, ":%d", &local); err == nil {
		v.Local = s.at(host, local)
	}
	for _, c := range change {
		c(v)
	}
	s.add(v)
}

func queues(r, w uint32) func(*record.State) {
	return func(s *record.State) { s.RQueue, s.WQueue = r, w }
}

func nobodys(s *record.State) { s.Descriptor = false }

func (s *story) judge(c record.Claim) {
	c.Surprise = c.Verdict.IsSurprise(c.Myth)
	s.run.Claims = append(s.run.Claims, c)
	s.add(&record.VerdictGiven{Claim: c.ID, Verdict: c.Verdict, Surprise: c.Surprise})
	if c.Surprise {
		s.run.Outcome = record.Surprise
	}
}

// listen makes the server listen.
func (s *story) listen(backlog uint32) {
	s.call("server", "socket", "3", "AF_INET", "SOCK_STREAM", "0")
	s.call("server", "bind", "0", "3", "192.0.2.2:80")
	s.call("server", "listen", "0", "3", "16")
	s.state("server", ":80", "", record.Listen, queues(0, backlog))
}

// connect begins a connection, and handshake carries one to its end.
func (s *story) connect(port uint16) {
	s.call("client", "socket", "3", "AF_INET", "SOCK_STREAM", "0")
	s.fails("client", "connect", "EINPROGRESS", "3", "192.0.2.2:80")
	s.state("client", name(port, "->80"), "", record.SynSent)
}

func (s *story) handshake(port uint16, queue uint32) {
	s.connect(port)
	s.segment("client", "server", port, "SYN", 0, 0, 0, record.Delivered)
	s.state("server", "80<-"+name(port, ""), "", record.SynRecv, nobodys)
	s.segment("server", "client", port, "SYN,ACK", 0, 1, 0, record.Delivered)
	s.state("client", name(port, "->80"), record.SynSent, record.Established)
	s.segment("client", "server", port, "ACK", 1, 1, 0, record.Delivered)
	s.state("server", "80<-"+name(port, ""), record.SynRecv, record.Established, nobodys)
	s.state("server", ":80", record.Listen, record.Listen, queues(queue, 16))
}
