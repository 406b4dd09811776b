package lab_test

import (
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// Destroy ends a connection and a listener, and needs CAP_NET_ADMIN, which a part of
// a story can do without.
func TestDestroy(t *testing.T) {
	var without, kept, ended, again, gone, stopped string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, _ := established(s)
		s.WithoutNetAdmin(func() { without = client.Destroy() })
		kept = client.State()
		ended, again = client.Destroy(), client.Destroy()
		gone = client.State()
		if ended == lab.OK {
			s.Sock("listener").Destroy()
			stopped = s.Sock("listener").State()
		}
	})
	if ended == "ENOTSUP" {
		t.Skip("this kernel was built without CONFIG_INET_DIAG_DESTROY")
	}
	if r.Error != "" || without != "EPERM" || kept != record.Established || ended != lab.OK || again != "ENOENT" ||
		gone != record.Close || stopped != record.Close {
		t.Errorf("without %s, then %s; with it %s, again %s; client %s, listener %s; %s", without, kept, ended, again, gone, stopped, r.Error)
	}
}
