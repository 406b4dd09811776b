package report

import (
	"io"
	"runtime"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

// Twice as much of one socket takes twice as much work, whatever the view. The work is
// counted in allocations, which do not depend on how busy the machine is: what goes
// through all that came before it makes something of it each time.
func TestLinear(t *testing.T) {
	states := func(n int) *record.Run { // all of one row
		s := tell("Many changes of one socket", "client", "server")
		s.connect(40000)
		for i := range n {
			s.state("client", "40000->80", record.Established, record.Established, queues(0, uint32(1+i%7)))
		}
		return &s.run
	}
	rows := func(n int) *record.Run { // a row each
		s := tell("Many segments of one connection", "client", "server")
		s.handshake(40000, 1)
		for i := range n {
			s.segment("client", "server", 40000, "PSH,ACK", uint32(i), 1, 1+i%3, record.Delivered).Raw = make([]byte, 20)
			s.run.Events[len(s.run.Events)-1].Body.(*record.Segment).Raw[0] = 0x45
			s.state("server", "80<-40000", record.Established, record.Established, queues(uint32(1+i%7), 0))
		}
		return &s.run
	}
	const few = 1000
	for name, view := range map[string]func(*record.Run) error{
		"ladder":               func(r *record.Run) error { return Ladder(io.Discard, r, Options{}) },
		"svg":                  func(r *record.Run) error { return SVG(io.Discard, r, Options{}) },
		"html":                 func(r *record.Run) error { return HTML(io.Discard, r, Options{}) },
		"steps":                func(r *record.Run) error { Steps(r, Options{}); return nil },
		"compared with itself": func(r *record.Run) error { return Compare([]*record.Run{r, r}).Text(io.Discard, CompareOptions{}) },
		"compared with half of itself": func(r *record.Run) error {
			half := *r
			half.Events = nil
			for i, e := range r.Events {
				if i%4 < 2 {
					half.Events = append(half.Events, e)
				}
			}
			return Compare([]*record.Run{r, &half}).Text(io.Discard, CompareOptions{})
		},
	} {
		for about, story := range map[string]func(int) *record.Run{"one row": states, "many rows": rows} {
			less, more := story(few), story(4*few)
			a, b := work(t, less, view), work(t, more, view)
			if b > 5*a {
				t.Errorf("%s, %s: %d events take %d bytes, and %d take %d", name, about, few, a, 4*few, b)
			}
		}
	}
}

// work is how many bytes a view allocates, all in all.
func work(t *testing.T, r *record.Run, view func(*record.Run) error) uint64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := view(r); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
