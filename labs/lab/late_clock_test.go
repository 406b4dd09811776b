package lab_test

import (
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

// Without timestamps no segment says when it was sent. That the wire has seen one late
// makes the pause after it no shorter.
func TestSeenLate(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"lostdata", "lostfin", "lostpeerfin"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := lab.Faulty(lab.Options{}, func(_ string, i *rig.Instruments) {
				i.Device = &lateDevice{Device: i.Device}
			})
			o.Sysctls = []lab.Sysctl{{Key: "net.ipv4.tcp_timestamps", Value: "0"}}
			r, err := lab.Run(t.Context(), labs.Find(name), o)
			labtest.SkipIfMissing(t, err)
			if r.Outcome == record.Surprise {
				for _, c := range r.Claims {
					t.Errorf("%s is %s: %v, expected %v", c.ID, c.Verdict, c.Evidence, c.Expected)
				}
			}
		})
	}
}

// A lateDevice holds up every other packet that a timer has sent, for less than the
// least timeout.
type lateDevice struct {
	wire.Device
	last time.Time
	late bool
}

func (d *lateDevice) Read(b []byte) (int, error) {
	n, err := d.Device.Read(b)
	if n > 0 {
		if !d.last.IsZero() && time.Since(d.last) > 150*time.Millisecond {
			if d.late = !d.late; d.late {
				time.Sleep(120 * time.Millisecond)
			}
		}
		d.last = time.Now()
	}
	return n, err
}
