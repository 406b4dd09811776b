package sockopt

import (
	"fmt"
	"iter"
	"reflect"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Info (TCP_INFO) is what the kernel knows about the connection: state, timers,
// windows, congestion, counters. A listener answers too, with the length and
// limit of its accept queue in Unacked and Sacked.
//
// An older kernel answers with a shorter structure: [TCPInfo.Has] tells a zero
// from a field that was not there. tcp(7); tcp_get_info (net/ipv4/tcp.c).
var Info ReadOnly[TCPInfo] = readOnly(codec[TCPInfo]{
	// Twice what is known, to see a newer kernel's longer answer in Length.
	size:   512,
	decode: func(b []byte) (TCPInfo, error) { return ParseTCPInfo(b), nil },
	text:   TCPInfo.String,
}, Spec{
	Name: "TCP_INFO", Level: LevelTCP, Number: unix.TCP_INFO,
	Since: "2.4",
})

// TCPInfo is struct tcp_info of linux/tcp.h, all of it up to Linux 6.18, in
// the kernel's order. The tag "tcpi" is the kernel's name without tcpi_,
// "unit" the field's unit (a plain count where there is none), "since" the
// Linux version that appended it, and "bits" the width of a bit-field.
//
// The last two bit-fields were carved from padding that is as old as the
// structure: an older kernel returns a zero there.
//
// Times since an event that never happened count from the socket's creation or
// from boot; sequence and window figures are zero before the handshake.
type TCPInfo struct {
	State                  State       `tcpi:"state"`
	CAState                CAState     `tcpi:"ca_state"`                                       // congestion control's phase
	Retransmits            uint8       `tcpi:"retransmits"`                                    // timeouts in a row without an ACK in between
	Probes                 uint8       `tcpi:"probes"`                                         // unanswered zero-window or keepalive probes
	Backoff                uint8       `tcpi:"backoff"`                                        // how often the timer was doubled
	Options                InfoOptions `tcpi:"options"`                                        // what the handshake agreed on
	SndWscale              uint8       `tcpi:"snd_wscale" bits:"4" unit:"bits"`                // shift of the windows that the peer sends
	RcvWscale              uint8       `tcpi:"rcv_wscale" bits:"4" unit:"bits"`                // shift of the windows that this end sends
	DeliveryRateAppLimited uint8       `tcpi:"delivery_rate_app_limited" bits:"1" since:"4.9"` // 1: DeliveryRate measures the program, not the path
	FastOpenClientFail     uint8       `tcpi:"fastopen_client_fail" bits:"2" since:"5.5"`      // TFO_COOKIE_UNAVAILABLE 1, TFO_DATA_NOT_ACKED 2, TFO_SYN_RETRANSMITTED 3
	RTO                    uint32      `tcpi:"rto" unit:"µs"`                                  // retransmission timeout, with backoff
	ATO                    uint32      `tcpi:"ato" unit:"µs"`                                  // delayed-ACK timeout
	SndMSS                 uint32      `tcpi:"snd_mss" unit:"bytes"`                           // of segments sent, without options
	RcvMSS                 uint32      `tcpi:"rcv_mss" unit:"bytes"`                           // estimate of the peer's segments
	Unacked                uint32      `tcpi:"unacked" unit:"segments"`                        // sent and not acknowledged; listener: waiting for accept
	Sacked                 uint32      `tcpi:"sacked" unit:"segments"`                         // of these, selectively acknowledged; listener: backlog
	Lost                   uint32      `tcpi:"lost" unit:"segments"`                           // of these, taken for lost
	Retrans                uint32      `tcpi:"retrans" unit:"segments"`                        // of these, retransmitted and in flight
	Fackets                uint32      `tcpi:"fackets" unit:"segments"`                        // 0: forward acknowledgement was removed
	LastDataSent           uint32      `tcpi:"last_data_sent" unit:"ms"`                       // ago
	LastAckSent            uint32      `tcpi:"last_ack_sent" unit:"ms"`                        // always 0: not remembered
	LastDataRecv           uint32      `tcpi:"last_data_recv" unit:"ms"`                       // ago
	LastAckRecv            uint32      `tcpi:"last_ack_recv" unit:"ms"`                        // ago
	PMTU                   uint32      `tcpi:"pmtu" unit:"bytes"`                              // path MTU
	RcvSsthresh            uint32      `tcpi:"rcv_ssthresh" unit:"bytes"`                      // limit to the growth of the window offered
	RTT                    uint32      `tcpi:"rtt" unit:"µs"`                                  // smoothed
	RTTVar                 uint32      `tcpi:"rttvar" unit:"µs"`                               // mean deviation
	SndSsthresh            uint32      `tcpi:"snd_ssthresh" unit:"segments"`                   // slow start ends here; 0x7fffffff: not yet known
	SndCwnd                uint32      `tcpi:"snd_cwnd" unit:"segments"`                       // congestion window
	AdvMSS                 uint32      `tcpi:"advmss" unit:"bytes"`                            // MSS announced to the peer
	Reordering             uint32      `tcpi:"reordering" unit:"segments"`                     // how far out of order is not yet loss
	RcvRTT                 uint32      `tcpi:"rcv_rtt" unit:"µs"`                              // the receiver's estimate
	RcvSpace               uint32      `tcpi:"rcv_space" unit:"bytes"`                         // read per round trip, for buffer tuning
	TotalRetrans           uint32      `tcpi:"total_retrans" unit:"segments"`                  // over the connection's life
	PacingRate             uint64      `tcpi:"pacing_rate" unit:"bytes/s" since:"3.15"`        // all ones: no limit
	MaxPacingRate          uint64      `tcpi:"max_pacing_rate" unit:"bytes/s" since:"3.15"`    // as SO_MAX_PACING_RATE set it
	BytesAcked             uint64      `tcpi:"bytes_acked" unit:"bytes" since:"4.1"`           // by the peer, the SYN counted as one
	BytesReceived          uint64      `tcpi:"bytes_received" unit:"bytes" since:"4.1"`        // in order
	SegsOut                uint32      `tcpi:"segs_out" unit:"segments" since:"4.2"`           // of every kind, retransmissions too
	SegsIn                 uint32      `tcpi:"segs_in" unit:"segments" since:"4.2"`            // of every kind
	NotsentBytes           uint32      `tcpi:"notsent_bytes" unit:"bytes" since:"4.6"`         // written and never sent yet
	MinRTT                 uint32      `tcpi:"min_rtt" unit:"µs" since:"4.6"`                  // all ones: no sample yet
	DataSegsIn             uint32      `tcpi:"data_segs_in" unit:"segments" since:"4.6"`       // with payload
	DataSegsOut            uint32      `tcpi:"data_segs_out" unit:"segments" since:"4.6"`      // with payload
	DeliveryRate           uint64      `tcpi:"delivery_rate" unit:"bytes/s" since:"4.9"`       // most recent measure
	BusyTime               uint64      `tcpi:"busy_time" unit:"µs" since:"4.10"`               // with data to send
	RwndLimited            uint64      `tcpi:"rwnd_limited" unit:"µs" since:"4.10"`            // of it, stopped by the peer's window
	SndbufLimited          uint64      `tcpi:"sndbuf_limited" unit:"µs" since:"4.10"`          // of it, stopped by the send buffer
	Delivered              uint32      `tcpi:"delivered" unit:"segments" since:"4.18"`         // that arrived, the SYN too
	DeliveredCE            uint32      `tcpi:"delivered_ce" unit:"segments" since:"4.18"`      // of these, marked for congestion
	BytesSent              uint64      `tcpi:"bytes_sent" unit:"bytes" since:"4.19"`           // payload, retransmissions too
	BytesRetrans           uint64      `tcpi:"bytes_retrans" unit:"bytes" since:"4.19"`        // payload retransmitted
	DsackDups              uint32      `tcpi:"dsack_dups" unit:"segments" since:"4.19"`        // that the peer reported to have twice
	ReordSeen              uint32      `tcpi:"reord_seen" unit:"events" since:"4.19"`          // of reordering
	RcvOoopack             uint32      `tcpi:"rcv_ooopack" unit:"segments" since:"5.4"`        // received out of order
	SndWnd                 uint32      `tcpi:"snd_wnd" unit:"bytes" since:"5.4"`               // the peer's window, after scaling
	RcvWnd                 uint32      `tcpi:"rcv_wnd" unit:"bytes" since:"6.2"`               // this end's window, after scaling
	Rehash                 uint32      `tcpi:"rehash" unit:"events" since:"6.2"`               // new flow hash after a timeout or by PLB
	TotalRTO               uint16      `tcpi:"total_rto" unit:"events" since:"6.7"`            // retransmission timeouts, the SYN's too
	TotalRTORecoveries     uint16      `tcpi:"total_rto_recoveries" unit:"events" since:"6.7"` // runs of timeouts, a running one too
	TotalRTOTime           uint32      `tcpi:"total_rto_time" unit:"ms" since:"6.7"`           // spent in them
	ReceivedCE             uint32      `tcpi:"received_ce" unit:"segments" since:"6.18"`       // received with a congestion mark
	DeliveredE1Bytes       uint32      `tcpi:"delivered_e1_bytes" unit:"bytes" since:"6.18"`   // Accurate ECN: sent as ECT(1), delivered
	DeliveredE0Bytes       uint32      `tcpi:"delivered_e0_bytes" unit:"bytes" since:"6.18"`   // sent as ECT(0), delivered
	DeliveredCEBytes       uint32      `tcpi:"delivered_ce_bytes" unit:"bytes" since:"6.18"`   // delivered with a congestion mark
	ReceivedE1Bytes        uint32      `tcpi:"received_e1_bytes" unit:"bytes" since:"6.18"`    // received as ECT(1)
	ReceivedE0Bytes        uint32      `tcpi:"received_e0_bytes" unit:"bytes" since:"6.18"`    // received as ECT(0)
	ReceivedCEBytes        uint32      `tcpi:"received_ce_bytes" unit:"bytes" since:"6.18"`    // received with a congestion mark
	AccECNFailMode         uint16      `tcpi:"accecn_fail_mode" since:"6.18"`                  // flags: why Accurate ECN was given up
	AccECNOptSeen          uint16      `tcpi:"accecn_opt_seen" since:"6.18"`                   // whether the peer's AccECN option was seen

	// Length is how many bytes of the structure the kernel returned.
	Length int
}

// ParseTCPInfo decodes a struct tcp_info of any length, from getsockopt or
// from inet_diag's INET_DIAG_INFO.
func ParseTCPInfo(b []byte) TCPInfo {
	info := TCPInfo{Length: len(b)}
	v := reflect.ValueOf(&info).Elem()
	for f, at := range infoLayout() {
		if !at.within(len(b)) {
			break
		}
		v.FieldByIndex(f.Index).SetUint(at.read(b))
	}
	return info
}

// Has reports whether the kernel returned the field of that kernel name
// ("rcv_wnd" or "tcpi_rcv_wnd"): a zero that it did not return says nothing.
func (i TCPInfo) Has(name string) bool {
	name = strings.TrimPrefix(name, "tcpi_")
	for f, at := range infoLayout() {
		if f.Tag.Get("tcpi") == name {
			return at.within(i.Length)
		}
	}
	return false
}

// InfoField is one field of a [TCPInfo], for tables.
type InfoField struct {
	Name  string // the kernel's, without tcpi_
	Unit  string
	Since string // Linux version; empty: as old as TCP_INFO
	Value any    // of the field's Go type
}

// Fields yields the fields that the kernel returned, in its order.
func (i TCPInfo) Fields() iter.Seq[InfoField] {
	return func(yield func(InfoField) bool) {
		v := reflect.ValueOf(i)
		for f, at := range infoLayout() {
			if !at.within(i.Length) || !yield(InfoField{
				Name: f.Tag.Get("tcpi"), Unit: f.Tag.Get("unit"), Since: f.Tag.Get("since"),
				Value: v.FieldByIndex(f.Index).Interface(),
			}) {
				return
			}
		}
	}
}

// String gives the state and the few figures that ss -i users look at first.
func (i TCPInfo) String() string {
	if i.State == StateListen {
		return fmt.Sprintf("%v accept queue %d/%d", i.State, i.Unacked, i.Sacked)
	}
	return fmt.Sprintf("%v rto:%dµs rtt:%d/%dµs mss:%d cwnd:%d unacked:%d retrans:%d/%d",
		i.State, i.RTO, i.RTT, i.RTTVar, i.SndMSS, i.SndCwnd, i.Unacked, i.Retrans, i.TotalRetrans)
}

// place is where a field lies in the C structure.
type place struct {
	offset, size int // in bytes
	shift, bits  int // of a bit-field in its byte; bits is 0 for other fields
}

func (p place) within(length int) bool { return p.offset+p.size <= length }

func (p place) read(b []byte) uint64 {
	b = b[p.offset:]
	switch {
	case p.bits > 0:
		return uint64(b[0]>>p.shift) & (1<<p.bits - 1)
	case p.size == 1:
		return uint64(b[0])
	case p.size == 2:
		return uint64(native.Uint16(b))
	case p.size == 4:
		return uint64(native.Uint32(b))
	}
	return native.Uint64(b)
}

// bigEndian decides where a C compiler starts to fill a byte with bit-fields:
// at the high bit on big-endian machines, at the low bit on others.
var bigEndian = native.Uint16([]byte{0, 1}) == 1

// infoLayout lays the tagged fields out as a C compiler does. There is no
// padding: the structure was arranged so that every field falls into place.
func infoLayout() iter.Seq2[reflect.StructField, place] {
	return func(yield func(reflect.StructField, place) bool) {
		offset, used := 0, 0 // used: bits of the byte at offset
		for f := range structFields[TCPInfo]() {
			if f.Tag.Get("tcpi") == "" {
				continue
			}
			p := place{offset: offset, size: int(f.Type.Size())}
			p.bits, _ = strconv.Atoi(f.Tag.Get("bits"))
			switch {
			case p.bits == 0:
				if used > 0 { // the byte that bit-fields began ends here
					offset, used = offset+1, 0
					p.offset = offset
				}
				offset += p.size
			case used+p.bits > 8:
				offset, used = offset+1, 0
				p.offset = offset
				fallthrough
			default:
				p.shift = used
				if bigEndian {
					p.shift = 8 - used - p.bits
				}
				used += p.bits
			}
			if !yield(f, p) {
				return
			}
		}
	}
}

func structFields[T any]() iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		t := reflect.TypeFor[T]()
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}
