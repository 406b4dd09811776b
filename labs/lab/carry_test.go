package lab_test

import (
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// Carry brings all that was written to the other side, however many segments
// that takes, and ends when the sender is gone.
func TestCarry(t *testing.T) {
	const much = 100_000
	got, cut, reset := 0, "", ""
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		got = 0
		for sent := 0; sent < much; sent += 10_000 {
			client.Write(strings.Repeat("x", 10_000))
			s.Wire.Carry(client)
			for server.Received() > 0 {
				data, _ := server.TryRead()
				got += len(data)
			}
		}
		server.Close()
		s.Wire.Next("server:FIN,ACK").Deliver()
		client.Write("too late")
		s.Wire.Carry(client)
		reset = client.State()
	})
	for _, e := range r.Events {
		if c, ok := e.Body.(*record.Call); ok && c.Call == "write" {
			cut = c.Args[1]
			break
		}
	}
	if want := `"` + strings.Repeat("x", 12) + `"...`; cut != want {
		t.Errorf("recorded as written: %s, want %s", cut, want)
	}
	if r.Error != "" || got != much || reset != record.Close {
		t.Errorf("%d bytes arrived, want %d; a reset sender is %s, %s", got, much, reset, r.Error)
	}
}
