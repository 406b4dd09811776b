package lab_test

import (
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
)

// Two sockets that share a key connect, and a segment that is not signed is as if it had
// not come.
func TestSign(t *testing.T) {
	var has bool
	var state string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		listener := s.Server.Named("listener").Socket()
		listener.Bind(s.Server.Addr(80))
		if has = listener.Sign(s.Client.Addr(0).Addr(), "key"); !has {
			return
		}
		listener.Listen(1)
		client := s.Client.Socket()
		client.Sign(s.Server.Addr(0).Addr(), "key")
		client.Connect(s.Server.Addr(80))
		s.Wire.Handshake(client)
		client.Craft(lab.Craft{Flags: "RST", Seq: 1}).Deliver()
		state = listener.Accept().State()
	})
	if r.Error != "" || has && state != "ESTABLISHED" {
		t.Errorf("a signed connection is %s after a forged RST: %s", state, r.Error)
	}
}
