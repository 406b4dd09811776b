package lab_test

import (
	"flag"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/internal/wire"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

var stalls = flag.Int("stalls", 6, "moments of each lab at which TestStalls holds it up")

// stalled is how long: more than the least retransmission timeout, a delayed ACK
// and what else the kernel does by itself meanwhile.
const stalled = 300 * time.Millisecond

// A machine that holds a story up, wherever that is, changes no verdict. At worst
// a claim is inapplicable.
func TestStalls(t *testing.T) {
	t.Parallel()
	sound := undisturbed(t)
	abreast := make(chan struct{}, 16) // they hardly do anything but wait
	var all sync.WaitGroup
	for _, l := range labs.All() {
		moments := sound[l.Name].count[looks] + sound[l.Name].count[writes]
		for i := range min(*stalls, moments) {
			at := 1 + i*moments/min(*stalls, moments)
			abreast <- struct{}{}
			all.Go(func() {
				defer func() { <-abreast }()
				where := fmt.Sprintf("%s, held up at %d of %d", l.Name, at, moments)
				r, err := lab.Run(t.Context(), l, stall(at))
				if err != nil || r.Outcome != record.Expected {
					t.Errorf("%s: %v %+v", where, err, r)
				}
			})
		}
	}
	all.Wait()
}

// stall returns options of a run that is held up before its nth look, or delivery.
func stall(nth int) lab.Options {
	step := func() {
		if nth--; nth == 0 {
			<-time.After(stalled)
		}
	}
	return lab.Faulty(lab.Options{}, func(_ string, i *lab.Instruments) {
		i.SetDevice(&stalledDevice{i.Device(), step})
		lookUp := i.LookUp()
		i.SetLookUp(func(local, remote netip.AddrPort) (sockdiag.Socket, bool, error) {
			step()
			return lookUp(local, remote)
		})
	})
}

type stalledDevice struct {
	wire.Device
	step func()
}

func (d *stalledDevice) Write(b []byte) error {
	d.step()
	return d.Device.Write(b)
}
