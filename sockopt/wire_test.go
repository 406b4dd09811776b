package sockopt

import (
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
)

// The structures' sizes, and where in them their parts lie, are those that a C
// compiler gave on a 64-bit machine for the header of Linux 6.18.
func TestWireFormats(t *testing.T) {
	key := slices.Repeat([]byte{'k'}, 80)
	peer := netip.MustParsePrefix("192.0.2.1/24")
	id := func(n uint8) *uint8 { return &n }
	encoded := func(b []byte, err error) []byte {
		t.Helper()
		must(t, "encode", err)
		return b
	}
	md5 := encoded(MD5SigExt.codec.encode(MD5KeyExt{Peers: peer, Ifindex: 7, Key: key}))
	add := encoded(AOAddKey.codec.encode(AOKey{Peers: peer, Algorithm: "hmac(sha1)", SendID: 1, RecvID: 2, MACLen: 3, Flags: 4, Ifindex: 7, SetRNext: true, Key: key}))
	del := encoded(AODelKey.codec.encode(AODelete{Peers: peer, SendID: 1, RecvID: 2, Flags: 5, Current: id(3), RNext: id(4), Async: true}))
	state := encoded(AOInfo.codec.encode(AOState{Current: id(8), RNext: id(9), Good: 10, DroppedICMPs: 11}))
	ask := encoded(encodeAOQuery(AOQuery{All: true, Peers: peer, SendID: 1, RecvID: 2, Flags: 3, Ifindex: 7, Max: 3}))
	zc := encoded(ZeroCopyReceive.codec.question(ZeroCopyChunk{CopybufLen: 1, MsgFlags: 2}))

	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"tcp_md5sig", len(md5), 216},
		{"tcp_md5sig.tcpm_flags", int(md5[128]), 3},
		{"tcp_md5sig.tcpm_prefixlen", int(md5[129]), 24},
		{"tcp_md5sig.tcpm_keylen", int(native.Uint16(md5[130:])), 80},
		{"tcp_md5sig.tcpm_ifindex", int(native.Uint32(md5[132:])), 7},
		{"tcp_md5sig.tcpm_key", int(md5[136]), 'k'},
		{"tcp_ao_add", len(add), 288},
		{"tcp_ao_add.ifindex", int(native.Uint32(add[192:])), 7},
		{"tcp_ao_add.prefix", int(add[202]), 24},
		{"tcp_ao_add.keyflags", int(add[206]), 4},
		{"tcp_ao_add.keylen", int(add[207]), 80},
		{"tcp_ao_add.key", int(add[208]), 'k'},
		{"tcp_ao_del", len(del), 144},
		{"tcp_ao_del.prefix", int(del[138]), 24},
		{"tcp_ao_del.current_key", int(del[141]), 3},
		{"tcp_ao_del.keyflags", int(del[143]), 5},
		{"tcp_ao_info_opt", len(state), 48},
		{"tcp_ao_info_opt.current_key", int(state[6]), 8},
		{"tcp_ao_info_opt.rnext", int(state[7]), 9},
		{"tcp_ao_info_opt.pkt_good", int(native.Uint64(state[8:])), 10},
		{"tcp_ao_info_opt.pkt_dropped_icmp", int(native.Uint64(state[40:])), 11},
		{"3 tcp_ao_getsockopt", len(ask), 3 * 304},
		{"tcp_ao_getsockopt.nkeys", int(native.Uint32(ask[272:])), 3},
		{"tcp_ao_getsockopt.sndid", int(ask[278]), 1},
		{"tcp_ao_getsockopt.prefix", int(ask[280]), 24},
		{"tcp_ao_getsockopt.keyflags", int(ask[282]), 3},
		{"tcp_ao_getsockopt.ifindex", int(native.Uint32(ask[284:])), 7},
		{"tcp_ao_repair", AORepair.codec.size, 16},
		{"tcp_zerocopy_receive", len(zc), 64},
		{"tcp_zerocopy_receive.copybuf_len", int(native.Uint32(zc[32:])), 1},
		{"tcp_zerocopy_receive.msg_flags", int(native.Uint32(zc[56:])), 2},
		{"tcp_repair_window", RepairWindow.codec.size, 20},
		{"meminfo", MemInfo.codec.size, 36},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, want %d", c.what, c.got, c.want)
		}
	}
}

func TestTCPInfoLayout(t *testing.T) {
	want := map[string]int{ // offsets in C, for Linux 6.18
		"state": 0, "options": 5, "snd_wscale": 6, "fastopen_client_fail": 7, "rto": 8, "total_retrans": 100,
		"pacing_rate": 104, "bytes_acked": 120, "delivery_rate": 160, "bytes_sent": 200, "snd_wnd": 228,
		"rcv_wnd": 232, "total_rto_time": 244, "accecn_opt_seen": 278,
	}
	end := 0
	for f, p := range infoLayout() {
		name := f.Tag.Get("tcpi")
		if offset, ok := want[name]; ok && offset != p.offset {
			t.Errorf("%s lies at %d, want %d", name, p.offset, offset)
		}
		if p.bits == 0 && p.offset%p.size != 0 {
			t.Errorf("%s at %d is not aligned: a C compiler would pad", name, p.offset)
		}
		end = p.offset + p.size
	}
	if end != 280 {
		t.Errorf("struct tcp_info has %d bytes, want 280", end)
	}
}

// An answer of an older kernel, cut at 104 bytes, and in the midst of a field.
func TestTCPInfoOfAnOlderKernel(t *testing.T) {
	full := slices.Repeat([]byte{0xff}, 280)
	info := ParseTCPInfo(full[:106])
	if !info.Has("total_retrans") || !info.Has("tcpi_total_retrans") || info.TotalRetrans != math.MaxUint32 {
		t.Error("total_retrans is in the first 104 bytes")
	}
	if info.Has("pacing_rate") || info.PacingRate != 0 {
		t.Errorf("pacing_rate is cut after two bytes, and reads %#x", info.PacingRate)
	}
	if info.Has("rcv_wnd") || info.Has("nosuch") {
		t.Error("has what is not there")
	}
	if info.SndWscale != 15 || info.RcvWscale != 15 || info.DeliveryRateAppLimited != 1 || info.FastOpenClientFail != 3 {
		t.Errorf("bit-fields: %+v", info)
	}
	if info := ParseTCPInfo(full); !info.Has("accecn_opt_seen") || info.AccECNOptSeen != math.MaxUint16 {
		t.Error("the last field of 280 bytes is not there")
	}
}

func TestCongestionInfo(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	if err := Set(fd, Congestion, "bbr"); err == nil {
		if _, ok := get(t, fd, CongestionInfo).BBR(); !ok {
			t.Error("bbr tells nothing")
		}
	}
	set(t, fd, Congestion, "reno")
	if info := get(t, fd, CongestionInfo); len(info) != 0 {
		t.Errorf("reno tells % x", []byte(info))
	}
	word := native.AppendUint32
	bbr, ok := CCInfo(word(word(word(word(word(nil, 1), 2), 3), 4), 5)).BBR()
	if want := (BBRInfo{2<<32 + 1, 3, 4, 5}); !ok || bbr != want {
		t.Errorf("got %+v, want %+v", bbr, want)
	}
}

// decoders are all that decode a kernel's answer, with what shows the result.
var decoders = map[string]func([]byte){
	"bool":     decoder(boolean),
	"int":      decoder(integer),
	"uint32":   decoder(unsigned),
	"uint64":   decoder(unsigned64),
	"rate":     decoder(rate),
	"name":     decoder(name(tcpNameMax)),
	"timeout":  decoder(timeout),
	"sockaddr": decoder(sockaddr),
	"ifindex":  decoder(ifindexBE),
	"errno":    decoder(errnoCodec),
	"linger":   decoder(lingerCodec),
	"info":     decoder(Info.codec),
	"ccinfo":   decoder(CongestionInfo.codec),
	"meminfo":  decoder(MemInfo.codec),
	"keys":     decoder(FastOpenKey.codec),
	"syn":      decoder(SavedSYN.codec),
	"window":   decoder(RepairWindow.codec),
	"ports":    decoder(IPLocalPortRange.codec),
	"prefs":    decoder(IPv6AddrPreferences.codec),
	"pmtu":     decoder(IPMTUDiscover.codec),
	"queue":    decoder(RepairQueue.codec),
	"locks":    decoder(BufLocks.codec),
	"ao":       decoder(AOInfo.codec),
	"aorepair": decoder(AORepair.codec),
	"aokeys":   func(b []byte) { _, _ = decodeAOKeys(b) },
	"zerocopy": func(b []byte) { _, _ = ZeroCopyReceive.codec.answer(b) },
	"vegas":    func(b []byte) { CCInfo(b).Vegas(); CCInfo(b).DCTCP() },
}

func decoder[T any](c codec[T]) func([]byte) {
	return func(b []byte) {
		if v, err := c.decode(b); err == nil {
			_ = c.text(v)
		}
	}
}

// No answer, of whatever length, may bring a program down.
func FuzzDecode(f *testing.F) {
	for n := range 330 {
		f.Add(make([]byte, n))
		f.Add(slices.Repeat([]byte{0xff}, n))
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		for _, decode := range decoders {
			decode(b)
		}
	})
}

// A field is all there or absent, and what follows it does not change it.
func FuzzTCPInfo(f *testing.F) {
	for n := range 290 {
		f.Add(slices.Repeat([]byte{0xa5}, n))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		short := slices.Collect(ParseTCPInfo(b).Fields())
		long := slices.Collect(ParseTCPInfo(slices.Concat(b, make([]byte, 300))).Fields())
		if len(long) < len(short) {
			t.Fatalf("%d fields in %d bytes, and %d in more", len(short), len(b), len(long))
		}
		if diff := cmp.Diff(short, long[:len(short)], cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		info := ParseTCPInfo(b)
		for _, field := range long[len(short):] {
			if info.Has(field.Name) {
				t.Errorf("%s is said to be in %d bytes", field.Name, len(b))
			}
		}
	})
}

// What the kernel keeps of a structure as it is comes back as it was set.
func FuzzLinger(f *testing.F) {
	f.Add(true, 5)
	f.Add(false, -1)
	f.Fuzz(func(t *testing.T, on bool, seconds int) {
		v := LingerValue{on, seconds}
		b, err := lingerCodec.encode(v)
		if (err != nil) != (seconds != int(int32(seconds))) {
			t.Fatalf("%v: %v", v, err)
		}
		if got, err2 := lingerCodec.decode(b); err == nil && (err2 != nil || got != v) {
			t.Errorf("%v came back as %v (%v)", v, got, err2)
		}
	})
}

func FuzzTimeout(f *testing.F) {
	f.Add(int64(0))
	f.Add(int64(1))
	f.Add(int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, n int64) {
		d := time.Duration(n)
		b, err := timeout.encode(d)
		if err != nil {
			if d >= 0 && timeout.size == 16 {
				t.Errorf("%v: %v", d, err)
			}
			return
		}
		got, err := timeout.decode(b)
		if err != nil || (got == 0) != (d == 0) || got < d-time.Microsecond || got > d && got-d > time.Microsecond && got != math.MaxInt64 {
			t.Errorf("%v came back as %v (%v)", d, got, err)
		}
	})
}
