package lab_test

import (
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A host may connect once more from an earlier socket's port, and what it sends then
// is numbered from the new SYN.
func TestReconnect(t *testing.T) {
	var ports [2]string
	var data uint32
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		client.Send("hello")
		server.Read()
		ports[0] = client.LocalAddr()
		client.Craft(lab.Craft{Flags: "RST", Seq: 6}).Deliver()
		server.Craft(lab.Craft{Flags: "RST", Seq: 1}).Deliver()
		client.Close()
		again := s.Client.Named("again").Reconnect(client)
		s.Wire.Handshake(again)
		ports[1] = again.LocalAddr()
		again.Write("!")
		data = s.Wire.Next("client:data").Seq
	})
	if r.Error != "" || ports[0] != ports[1] || data != 1 {
		t.Errorf("connected from %s, then from %s, and wrote at %d: %s", ports[0], ports[1], data, r.Error)
	}
}

// With LimitAnswers a second answer does not come, and without a limit it does.
func TestLimitAnswers(t *testing.T) {
	for _, limit := range []string{"", "0"} {
		o := lab.Options{}
		if limit != "" {
			o.Sysctls = []lab.Sysctl{{Side: "server", Key: lab.InvalidRateLimit, Value: limit}}
		}
		var limited bool
		var answers string
		r := tell(t, o, func(s *lab.Script) {
			limited = s.Server.LimitAnswers()
			client, server := established(s)
			for range 2 {
				client.Craft(lab.Craft{Flags: "RST", Seq: 100}).Deliver()
			}
			answers = s.Wire.Waiting(s.Server) + " " + server.State()
		})
		want := map[bool]string{true: "ACK " + record.Established, false: "ACK ACK " + record.Established}[limited]
		if r.Error != "" || limited != (limit == "") || answers != want {
			t.Errorf("with %q, limited: %v, the server sends %s: %s", limit, limited, answers, r.Error)
		}
	}
}
