package tracepoint

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// readFormat reads a format of Linux 6.18's, or of an older kernel's.
func readFormat(t testing.TB, name string) *Format {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".format"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFormat(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestParseFormat(t *testing.T) {
	f := readFormat(t, "kfree_skb")
	want := &Format{
		Name: "kfree_skb", ID: 2310,
		Fields: map[string]Field{
			"common_type": {0, 2, false}, "common_flags": {2, 1, false},
			"common_preempt_count": {3, 1, false}, "common_pid": {4, 4, true},
			"skbaddr": {8, 8, false}, "location": {16, 8, false}, "rx_sk": {24, 8, false},
			"protocol": {32, 2, false}, "reason": {36, 4, false},
		},
	}
	if diff := cmp.Diff(want, f, cmpopts.IgnoreFields(Format{}, "Symbols"), cmpopts.IgnoreUnexported(Format{})); diff != "" {
		t.Error("kfree_skb (-want +got):\n" + diff)
	}
	reasons := f.Symbols["reason"]
	if len(reasons) != 127 || reasons[2] != "NOT_SPECIFIED" || reasons[40] != "TCP_LISTEN_OVERFLOW" || reasons[128] != "MAX" {
		t.Errorf("reasons are %v", reasons)
	}
	states := readFormat(t, "inet_sock_set_state").Symbols["newstate"]
	if len(states) != 12 || states[12] != "TCP_NEW_SYN_RECV" {
		t.Errorf("states are %v", states)
	}
}

func TestParseFormatRefuses(t *testing.T) {
	for _, text := range []string{
		"", "name: x", "name: x\nID: 1", "name: x\nID: y\n\tfield:int a;\toffset:0;\tsize:4;\tsigned:1;",
		"name: x\nID: 70000\n\tfield:int a;\toffset:0;\tsize:4;\tsigned:1;",
		"name: x\nID: 1\n\tfield:int a;\toffset:0;\tsigned:1;",
		"name: x\nID: 1\n\tfield:int a;\toffset:-8;\tsize:4;\tsigned:1;",
		"name: x\nID: 1\n\tfield:int a;\toffset:1000000;\tsize:4;\tsigned:1;",
		"name: x\nID: 1\n\tfield:;\toffset:0;\tsize:4;\tsigned:1;",
	} {
		if f, err := ParseFormat(text); err == nil {
			t.Errorf("%q is read as %+v", text, f)
		}
	}
}

// sampleOf makes a sample with some of a format's fields set.
func sampleOf(f *Format, fields map[string][]byte) []byte {
	size := 0
	for _, field := range f.Fields {
		size = max(size, field.Offset+field.Size)
	}
	raw := make([]byte, size)
	for name, value := range fields {
		copy(raw[f.Fields[name].Offset:], value)
	}
	return raw
}

func u16(n uint16) []byte { return binary.NativeEndian.AppendUint16(nil, n) }
func u32(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }
func u64(n uint64) []byte { return binary.NativeEndian.AppendUint64(nil, n) }

func TestDecode(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::2")
	sockaddr4 := append(append(u16(2), 0x9c, 0x40), four.AsSlice()...)
	sockaddr6 := append(append(u16(10), 0, 80, 0, 0, 0, 0), six.AsSlice()...)
	for _, test := range []struct {
		name   string
		fields map[string][]byte
		want   Sample
	}{
		{"inet_sock_set_state", map[string][]byte{
			"skaddr": u64(7), "oldstate": u32(7), "newstate": u32(2), "sport": u16(40000), "dport": u16(80),
			"family": u16(2), "protocol": u16(6), "saddr": four.AsSlice(), "daddr": {192, 0, 2, 2},
		}, Sample{
			Socket: 7, From: "CLOSE", To: "SYN_SENT", Protocol: 6,
			Local: netip.MustParseAddrPort("192.0.2.1:40000"), Remote: netip.MustParseAddrPort("192.0.2.2:80"),
		}},
		{"tcp_retransmit_skb", map[string][]byte{
			"common_flags": {flagSoftirq}, "skaddr": u64(7), "state": u32(4), "sport": u16(80), "dport": u16(1),
			"family": u16(10), "saddr_v6": six.AsSlice(), "daddr_v6": six.AsSlice(),
		}, Sample{
			Interrupt: true, Socket: 7, State: "FIN_WAIT1",
			Local: netip.AddrPortFrom(six, 80), Remote: netip.AddrPortFrom(six, 1),
		}},
		{"tcp_send_reset", map[string][]byte{"reason": u32(1), "saddr": sockaddr6, "daddr": sockaddr4}, Sample{
			Reason: "NO_SOCKET", Local: netip.AddrPortFrom(six, 80), Remote: netip.AddrPortFrom(four, 40000),
		}},
		{"kfree_skb", map[string][]byte{"rx_sk": u64(9), "protocol": u16(0x800), "reason": u32(1000)}, Sample{
			Socket: 9, Protocol: 0x800, Reason: "1000",
		}},
		// Linux 5.4: no reason, and send_reset is of the class of retransmit_skb.
		{"kfree_skb-5.4", map[string][]byte{"protocol": u16(0x800)}, Sample{Event: "kfree_skb", Protocol: 0x800}},
		{"tcp_send_reset-5.4", map[string][]byte{
			"skaddr": u64(7), "state": u32(10), "sport": u16(80), "family": u16(2), "saddr": four.AsSlice(),
		}, Sample{
			Event: "tcp_send_reset", Socket: 7, State: "LISTEN",
			Local: netip.AddrPortFrom(four, 80), Remote: netip.MustParseAddrPort("0.0.0.0:0"),
		}},
	} {
		f := readFormat(t, test.name)
		raw := sampleOf(f, test.fields)
		got, err := f.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if test.want.Event == "" {
			test.want.Event = test.name
		}
		if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if _, err := f.Decode(raw[:len(raw)-1]); err == nil || !strings.Contains(err.Error(), "no room") {
			t.Errorf("%s: a sample that is too short: %v", test.name, err)
		}
	}
}

const headerPage = `	field: u64 timestamp;	offset:0;	size:8;	signed:0;
	field: local_t commit;	offset:8;	size:8;	signed:1;
	field: int overwrite;	offset:8;	size:1;	signed:1;
	field: char data;	offset:16;	size:4080;	signed:0;
`

func pageLayout(t testing.TB) pageFormat {
	t.Helper()
	p, err := parsePageFormat(headerPage)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pageOf makes a page out of words of 4 bytes.
func pageOf(p pageFormat, at, commit uint64, words ...uint32) []byte {
	page := append(u64(at), u64(commit|uint64(len(words)*4))...)
	for _, w := range words {
		page = append(page, u32(w)...)
	}
	return append(page, make([]byte, p.size()-len(page))...)
}

func entry(kind, delta uint32) uint32 { return kind | delta<<5 } // where the lowest byte comes first

func TestPage(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the pages below are of a machine with the lowest byte first")
	}
	p := pageLayout(t)
	type event struct {
		At  time.Duration
		Raw []byte
	}
	for _, test := range []struct {
		name string
		page []byte
		want []event
		err  string
	}{
		{"empty", pageOf(p, 1000, 0), nil, ""},
		{"two events", pageOf(p, 1000, 0, entry(1, 5), 11, entry(2, 6), 12, 13),
			[]event{{1005, u32(11)}, {1011, append(u32(12), u32(13)...)}}, ""},
		{"a long event", pageOf(p, 1000, 0, entry(longEntry, 5), 8, 11, entry(1, 1), 12),
			[]event{{1005, u32(11)[:4]}, {1006, u32(12)}}, ""},
		{"one that was taken back", pageOf(p, 1000, 0, entry(paddingEntry, 5), 4, entry(1, 1), 12), []event{{1001, u32(12)}}, ""},
		{"the rest is empty", pageOf(p, 1000, 0, entry(1, 5), 11, entry(paddingEntry, 0), 4), []event{{1005, u32(11)}}, ""},
		{"much time passes", pageOf(p, 1000, 0, entry(extendEntry, 1), 1, entry(1, 5), 11), []event{{1006 + 1<<27, u32(11)}}, ""},
		{"the time itself", pageOf(p, 1<<60+1000, 0, entry(absoluteEntry, 1), 1, entry(1, 5), 11), []event{{1<<60 + 6 + 1<<27, u32(11)}}, ""},
		{"events are lost", pageOf(p, 1000, commitMissed, entry(1, 5), 11), nil, "incomplete"},
		{"an entry too long", pageOf(p, 1000, 0, entry(3, 5), 11), nil, "entry of 12 bytes, with 4 bytes left"},
		{"a length of nothing", pageOf(p, 1000, 0, entry(longEntry, 5), 0), nil, "entry of 0 bytes"},
		{"half an entry", pageOf(p, 1000, 0, entry(longEntry, 5)), nil, "page ends after 4 bytes"},
		{"a page too short", make([]byte, 100), nil, "page of 100 bytes"},
		{"more data than room", pageOf(p, 1000, 5000), nil, "page with 5000 bytes of data"},
	} {
		var got []event
		err := p.events(test.page, func(at time.Duration, raw []byte) error {
			got = append(got, event{at, raw})
			return nil
		})
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v, want %q", test.name, err, test.err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" && test.err == "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
