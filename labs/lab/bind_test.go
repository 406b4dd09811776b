package lab_test

import (
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A listen may be refused, on the wildcard address too, and UDP has ports of its own.
func TestTryListen(t *testing.T) {
	var bare, first, again, udp, state string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		listener := s.Server.Named("any").Socket()
		listener.Bind(s.Server.Any(80))
		first, state = listener.TryListen(1), listener.State()
		again = listener.TryListen(2)
		udp = s.Server.UDPSocket().TryBind(s.Server.Any(80))
		client := s.Client.Connect(s.Server.Named("other").Listen(81, 1))
		bare = client.TryListen(1)
	})
	if r.Error != "" || first != lab.OK || state != record.Listen || again != lab.OK || udp != lab.OK || bare != "EINVAL" {
		t.Errorf("listen: %s, then %s and %s; of a client: %s; UDP: %s; %s", first, state, again, bare, udp, r.Error)
	}
}
