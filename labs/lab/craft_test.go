package lab_test

import (
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A reset that nobody has sent resets the peer.
func TestCraft(t *testing.T) {
	state := ""
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		client.Craft(lab.Craft{Flags: "RST", Seq: 1}).Deliver()
		state = server.State()
	})
	if r.Error != "" || state != record.Close {
		t.Errorf("the server is %s; %s", state, r.Error)
	}
}
