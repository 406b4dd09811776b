package sockdiag

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/record"
)

// answer makes an answer of the kernel: struct nlmsghdr and struct
// inet_diag_msg, field by field (include/uapi/linux/inet_diag.h).
func answer(state, timer, retrans uint8, expires, rqueue, wqueue, inode uint32) []byte {
	b := header(unix.SOCK_DIAG_BY_FAMILY)
	b = append(b, unix.AF_INET, state, timer, retrans)
	b = append(b, make([]byte, 48)...) // struct inet_diag_sockid
	for _, n := range []uint32{expires, rqueue, wqueue, 1000 /* uid */, inode} {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	return b
}

func header(kind uint16) []byte {
	b := make([]byte, headerLen)
	native.PutUint16(b[4:], kind)
	return b
}

// failure makes the answer that says that a question has failed.
func failure(errno unix.Errno) []byte {
	b := native.AppendUint32(header(unix.NLMSG_ERROR), uint32(-int32(errno)))
	return append(b, header(unix.SOCK_DIAG_BY_FAMILY)...) // the question
}

func TestDecodeStates(t *testing.T) {
	for state, name := range map[uint8]string{
		1: record.Established, 2: record.SynSent, 3: record.SynRecv, 4: record.FinWait1,
		5: record.FinWait2, 6: record.TimeWait, 7: record.Close, 8: record.CloseWait,
		9: record.LastAck, 10: record.Listen, 11: record.Closing,
	} {
		for timer, timerName := range []string{"", "retransmit", "keepalive", "timewait", "probe"} {
			got, found, err := Decode(answer(state, uint8(timer), 3, 1500, 5, 7, 4711))
			if err != nil || !found {
				t.Fatalf("Decode of state %d: %v, %v", state, found, err)
			}
			want := Socket{
				State: name, Timer: timerName, Expires: 1500 * time.Millisecond, Retransmits: 3,
				RQueue: 5, WQueue: 7, Inode: 4711,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("state %d (-want +got):\n%s", state, diff)
			}
		}
	}
}

func TestDecodeAttributes(t *testing.T) {
	got, found, err := Decode(append(answer(1, 0, 0, 0, 0, 0, 1), 5, 0, 8, 0, 0))
	if err != nil || !found || got.State != record.Established {
		t.Errorf("with an attribute after it: %+v, %v, %v", got, found, err)
	}
}

// A timer that this program does not know is no fault of the kernel's.
func TestDecodeTimers(t *testing.T) {
	for n, want := range map[int]string{0: "", 1: "retransmit", 5: "delack", 6: "6"} {
		got, found, err := Decode(answer(1, byte(n), 0, 0, 0, 0, 0))
		if err != nil || !found || got.Timer != want {
			t.Errorf("timer %d: %+v, %t, %v; want %q", n, got, found, err, want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, test := range []struct {
		name string
		b    []byte
	}{
		{"state 0", answer(0, 0, 0, 0, 0, 0, 0)},
		{"a state from the future", answer(14, 0, 0, 0, 0, 0, 0)},
		{"the end of a dump", header(unix.NLMSG_DONE)},
		{"an error without its number", header(unix.NLMSG_ERROR)},
	} {
		if got, found, err := Decode(test.b); err == nil || found {
			t.Errorf("Decode of %s: %+v, %v, %v; want an error", test.name, got, found, err)
		}
	}
}

func TestDecodeError(t *testing.T) {
	if _, found, err := Decode(failure(unix.ENOENT)); found || err != nil {
		t.Errorf("ENOENT: found %v, %v; want no socket and no error", found, err)
	}
	if _, found, err := Decode(failure(unix.EPERM)); found || !errors.Is(err, unix.EPERM) {
		t.Errorf("EPERM: found %v, %v; want EPERM", found, err)
	}
}

// However short an answer is, that is an error and no panic.
func TestDecodeShort(t *testing.T) {
	for _, whole := range [][]byte{answer(1, 1, 0, 200, 0, 1, 7), failure(unix.ENOENT)[:headerLen+4]} {
		for n := range whole {
			if got, found, err := Decode(whole[:n]); err == nil {
				t.Errorf("Decode of %d of %d bytes: %+v, %v", n, len(whole), got, found)
			}
		}
	}
}

func TestEncode(t *testing.T) {
	c := &Conn{seq: 6}
	c.encode(netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.MustParseAddrPort("[2001:db8::2]:80"))
	c.encode(netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("192.0.2.2:80"))

	// struct inet_diag_req_v2 by hand; nothing of the first question is left.
	want := native.AppendUint32(nil, 72)
	want = native.AppendUint16(want, 20)
	want = native.AppendUint16(want, 1)
	want = native.AppendUint32(want, 8) // the sequence number
	want = native.AppendUint32(want, 0)
	want = append(want, unix.AF_INET, unix.IPPROTO_TCP, 0, 0, 0, 0, 0, 0)
	want = append(want, 0x9c, 0x40, 0, 80)
	want = append(want, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	want = append(want, 192, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	want = append(want, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	if diff := cmp.Diff(want, c.req[:]); diff != "" {
		t.Error("the question (-want +got):\n" + diff)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(answer(1, 1, 2, 200, 3, 4, 5))
	f.Add(answer(10, 0, 0, 0, 1, 128, 9))
	f.Add(answer(14, 0, 0, 0, 0, 0, 0))
	f.Add(failure(unix.ENOENT))
	f.Add(failure(unix.EINVAL))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, found, err := Decode(b)
		if found != (s != Socket{}) || found && (err != nil || s.State == "") {
			t.Errorf("Decode = %+v, %v, %v", s, found, err)
		}
	})
}

// What a sender knows is in one of the attributes after the answer.
func TestDecodeInfo(t *testing.T) {
	attribute := func(kind uint16, value []byte) []byte {
		b := native.AppendUint16(nil, uint16(unix.SizeofNlAttr+len(value)))
		b = append(native.AppendUint16(b, kind), value...)
		return append(b, make([]byte, -len(b)&3)...)
	}
	with := func(us uint32) []byte {
		b := make([]byte, infoLen)
		native.PutUint32(b[sackedAt:], 2)
		native.PutUint32(b[reorderingAt:], 3)
		native.PutUint32(b[minRTTAt:], us)
		return b
	}
	known := func(rtt time.Duration) Info { return Info{MinRTT: rtt, SACKed: 2, Reordering: 3} }
	reordered := append(with(7), make([]byte, reordSeenAt+4-infoLen)...)
	native.PutUint32(reordered[reordSeenAt:], 1)
	other := attribute(8, []byte{1}) // INET_DIAG_SHUTDOWN
	for _, test := range []struct {
		name string
		b    []byte
		want Info
	}{
		{"no attributes", nil, Info{}},
		{"another one", other, Info{}},
		{"alone", attribute(info, with(300_000)), known(300 * time.Millisecond)},
		{"after another one, and longer", append(other, attribute(info, append(with(7), 1, 2, 3, 4))...), known(7 * time.Microsecond)},
		{"with another order seen", attribute(info, reordered), Info{MinRTT: 7 * time.Microsecond, SACKed: 2, Reordering: 3, Reordered: true}},
		{"not known yet", attribute(info, with(noRTT)), known(0)},
		{"of a kernel without it", attribute(info, make([]byte, minRTTAt)), Info{}},
		{"cut off", attribute(info, with(7))[:20], Info{}},
		{"of no length", make([]byte, 8), Info{}},
	} {
		if got := decodeInfo(test.b); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// Nothing that stands where a dump should be is read beyond its end.
func FuzzDecodeListeners(f *testing.F) {
	one := answer(10, 0, 0, 0, 0, 1, 1)
	native.PutUint32(one, uint32(len(one)))
	done := header(unix.NLMSG_DONE)
	native.PutUint32(done, headerLen)
	f.Add(append(bytes.Clone(one), done...))
	f.Add(one[:headerLen+4])
	f.Add(failure(unix.EPERM))
	f.Fuzz(func(t *testing.T, b []byte) {
		if all, _, _ := decodeListeners(b, 0); len(all) > len(b)/answerLen {
			t.Errorf("%d listeners of %d bytes", len(all), len(b))
		}
	})
}
