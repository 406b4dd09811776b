package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs/internal/tun"
)

// A buffer that is used again is nobody else's any more, and no packet on the wire is
// written over.
func TestRecycle(t *testing.T) {
	w, hosts := plug(t)
	w.Recycles = true
	texts := []string{"first", "second", strings.Repeat("a long one ", 300)}
	take := func(text string, seq uint32) *Packet {
		t.Helper()
		hosts[client].send(t, packet(t, client, 40000, "PA", seq, 1, text))
		if err := w.Drain(client, false); err != nil {
			t.Fatal(err)
		}
		return w.Take(func(*Packet) bool { return true })
	}
	for round := range uint32(3) {
		var all []*Packet
		for i, text := range texts {
			all = append(all, take(text, 1000*round+uint32(10*i)))
		}
		for i, p := range all {
			if string(p.Data) != texts[i] {
				t.Fatalf("round %d: %.20q has become %.20q", round, texts[i], p.Data)
			}
		}
		for _, p := range all {
			w.Recycle(p)
			w.Recycle(p) // which takes back nothing more
			if p.Raw != nil || p.Data != nil {
				t.Error("a packet still has what was taken back")
			}
		}
		if n, m := len(w.small), len(w.large); n != 2 || m != 1 {
			t.Errorf("round %d: %d small and %d large buffers are there again, want 2 and 1", round, n, m)
		}
	}
}

// What was asked for with Keep stays as it is, whatever the wire uses again.
func TestKeep(t *testing.T) {
	w, hosts := plug(t)
	w.Recycles = true
	texts := []string{"short", strings.Repeat("a middle one ", 300), strings.Repeat("a long one ", 5000)}
	var kept [][]byte
	for round := range uint32(3) {
		for i, text := range texts {
			hosts[client].send(t, packet(t, client, 40000, "PA", 1000*round+uint32(i), 1, text))
			if err := w.Drain(client, false); err != nil {
				t.Fatal(err)
			}
			p := w.Take(func(*Packet) bool { return true })
			kept = append(kept, w.Keep(p))
			w.Recycle(p)
		}
	}
	for i, raw := range kept {
		if want := texts[i%len(texts)]; !bytes.HasSuffix(raw, []byte(want)) {
			t.Errorf("packet %d has become %.60q", i, raw)
		}
	}
}

// What stands before a packet goes with it, and before one that nobody has sent there
// are zeros.
func TestHeader(t *testing.T) {
	w, hosts := plug(t)
	w.Header = tun.HeaderSize
	raw := packet(t, client, 40000, "S", 1, 0, "")
	header := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10} // the first: without a checksum
	hosts[client].send(t, append(bytes.Clone(header), raw...))
	hosts[client].send(t, append(make([]byte, tun.HeaderSize), raw...))
	hosts[client].send(t, append(bytes.Clone(header), "no TCP"...))
	var other []byte
	w.Other = func(_ int, raw []byte) int {
		other = bytes.Clone(raw)
		return server
	}
	if err := w.Drain(client, false); err != nil {
		t.Fatal(err)
	}
	if got := hosts[server].receive(t); string(other) != "no TCP" || !bytes.Equal(got, append(bytes.Clone(header), "no TCP"...)) {
		t.Errorf("what is not TCP is told as %q and comes as % x", other, got)
	}
	for i, partial := range []bool{true, false} {
		p := w.Take(func(*Packet) bool { return true })
		if p.Partial != partial || !bytes.Equal(p.Raw, raw) {
			t.Errorf("packet %d: without a checksum: %t, % x", i, p.Partial, p.Raw)
		}
		if err := w.Hand(server, p); err != nil {
			t.Fatal(err)
		}
		if got := hosts[server].receive(t); !bytes.Equal(got[tun.HeaderSize:], raw) || (got[0] == 1) != partial {
			t.Errorf("packet %d comes as % x", i, got)
		}
	}
	if err := w.Write(server, raw); err != nil {
		t.Fatal(err)
	}
	if got := hosts[server].receive(t); !bytes.Equal(got, append(make([]byte, tun.HeaderSize), raw...)) {
		t.Errorf("a packet that nobody has sent comes as % x", got)
	}
	hosts[client].send(t, header[:4])
	if err := w.Drain(client, false); err == nil {
		t.Error("a frame that ends in its header is no error")
	}
}
