package lab

import (
	"time"

	"github.com/tcplab/tcplab/labs/internal/rig"
)

// Idle lets time pass in which the connection is idle, at least d.
func (s *Sock) Idle(d time.Duration) {
	r := s.program.run
	s.look()
	w := s.end().Await(rig.Idle, d, r.options.OnWait)
	_, err := w.Pause()
	r.must(err)
	_, err = w.Over()
	r.must(err)
}
