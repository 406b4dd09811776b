package tracepoint

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A Sample is one time at which a tracepoint was passed. What the tracepoint
// does not say is zero.
type Sample struct {
	Event string        // "kfree_skb"
	Time  time.Duration // CLOCK_MONOTONIC
	// Interrupt is set where it was passed in a softirq or an interrupt, such as
	// a timer's, whichever task was just running there.
	Interrupt bool
	// Socket identifies a socket for as long as it lives: it is its address in
	// the kernel (skaddr; of kfree_skb the receiver, rx_sk). 0 is none.
	Socket        uint64
	From, To      string // states, without TCP_: of inet_sock_set_state
	State         string // of the socket
	Local, Remote netip.AddrPort
	Reason        string // why it was dropped, or reset
	Protocol      uint16 // of a dropped packet: ETH_P_IP
}

// enum trace_flag_type, include/linux/trace_events.h. TRACE_FLAG_SOFTIRQ is set
// while a softirq is served, and not where softirqs are only held off.
const (
	flagHardirq = 0x08
	flagSoftirq = 0x10
)

// include/net/tcp_states.h; sock_diag and the BPF interface have the same.
var states = [...]string{
	1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT",
	7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING", 12: "NEW_SYN_RECV",
}

func stateName(n uint64) string {
	if n < uint64(len(states)) && states[n] != "" {
		return states[n]
	}
	return strconv.FormatUint(n, 10)
}

// Decode reads a sample's raw data.
func (f *Format) Decode(raw []byte) (Sample, error) {
	for name, field := range f.Fields {
		if field.Offset+field.Size > len(raw) {
			return Sample{}, fmt.Errorf("%s: sample of %d bytes has no room for %s", f.Name, len(raw), name)
		}
	}
	s := Sample{Event: f.Name, Interrupt: f.number(raw, "common_flags")&(flagHardirq|flagSoftirq) != 0}
	s.Socket = f.number(raw, "skaddr") | f.number(raw, "rx_sk") // no tracepoint has both
	s.Protocol = uint16(f.number(raw, "protocol"))
	if f.has("oldstate") {
		s.From, s.To = stateName(f.number(raw, "oldstate")), stateName(f.number(raw, "newstate"))
	}
	if n := f.number(raw, "state"); n != 0 {
		s.State = stateName(n)
	}
	if f.has("reason") {
		s.Reason = f.symbol(raw, "reason")
	}
	s.Local, s.Remote = f.address(raw, "saddr", "sport"), f.address(raw, "daddr", "dport")
	return s, nil
}

func (f *Format) has(field string) bool { _, ok := f.Fields[field]; return ok }

// bytes returns a field's part of a sample, or nil where there is no such field.
func (f *Format) bytes(raw []byte, field string) []byte {
	at, ok := f.Fields[field]
	if !ok {
		return nil
	}
	return raw[at.Offset : at.Offset+at.Size]
}

// number returns a field that is a number; 0 where there is no such field.
func (f *Format) number(raw []byte, field string) uint64 {
	switch b := f.bytes(raw, field); len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.NativeEndian.Uint16(b))
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	case 8:
		return binary.NativeEndian.Uint64(b)
	}
	return 0
}

// symbol returns the kernel's own name of a field's value.
func (f *Format) symbol(raw []byte, field string) string {
	n := f.number(raw, field)
	if name, ok := f.Symbols[field][int64(n)]; ok {
		return name
	}
	return strconv.FormatUint(n, 10)
}

// address returns an address with its port. Most tracepoints have an address of
// each family and a port; newer ones have a struct sockaddr.
func (f *Format) address(raw []byte, field, port string) netip.AddrPort {
	b := f.bytes(raw, field)
	if len(b) >= unix.SizeofSockaddrInet6 {
		switch binary.NativeEndian.Uint16(b) {
		case unix.AF_INET:
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:]))
		case unix.AF_INET6:
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), binary.BigEndian.Uint16(b[2:]))
		}
		return netip.AddrPort{}
	}
	number := uint16(f.number(raw, port))
	switch f.number(raw, "family") {
	case unix.AF_INET:
		if len(b) == 4 {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), number)
		}
	case unix.AF_INET6:
		if b := f.bytes(raw, field+"_v6"); len(b) == 16 {
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)), number)
		}
	}
	return netip.AddrPort{}
}
