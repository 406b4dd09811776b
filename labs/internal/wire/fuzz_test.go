package wire

import (
	"testing"

	"github.com/tcplab/tcplab/labs/internal/segment"
)

// Whatever comes out of a device: it is a segment with numbers, it is no TCP and
// lost, or it is an error. What is taken from the wire is what was put there.
func FuzzDrain(f *testing.F) {
	syn, ack := packet(f, client, 40000, "S", isnC, 0, ""), packet(f, server, 40000, "SA", isnS, isnC+1, "x")
	f.Add(syn, ack)
	f.Add(ack, syn[:30])
	f.Add(notTCP, []byte{})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		w, hosts := plug(t)
		put := 0
		for i, raw := range [][]byte{first, second} {
			if len(raw) == 0 || len(raw) > 1500 { // no packet, and more than the device lets through
				continue
			}
			hosts[i].send(t, raw)
			if err := w.Drain(i, false); err != nil {
				continue
			}
			for put < len(w.Waiting()) {
				p := w.Waiting()[put]
				put++
				if p.ID != put || p.From != i || p.Provoked || p.Len < 0 || p.Len > len(raw) || string(p.Raw) != string(raw) {
					t.Errorf("packet %+v of %x", p, raw)
				}
				if p.Flags&segment.ACK == 0 && p.RelAck != 0 {
					t.Errorf("ack %d without the flag", p.RelAck)
				}
			}
		}
		if w.Seen() != put {
			t.Errorf("%d seen, %d on the wire", w.Seen(), put)
		}
	})
}
