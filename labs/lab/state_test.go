package lab_test

import (
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A socket has a state from the first, though inet_diag shows none yet.
func TestStateOfANewSocket(t *testing.T) {
	var fresh, bound, listening string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		sock := s.Server.Socket()
		fresh = sock.State()
		sock.Bind(s.Server.Addr(80))
		bound = sock.State()
		sock.Listen(1)
		listening = sock.State()
	})
	if r.Error != "" || fresh != record.Close || bound != record.Close || listening != record.Listen {
		t.Errorf("states %s, %s, %s %s", fresh, bound, listening, r.Error)
	}
}
