package labs_test

import (
	"flag"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

var soak = flag.Int("soak", 3, "runs of each lab in TestSoak")

// With all processors kept busy by something else, every run of a lab gives the
// same picture and no surprise.
func TestSoak(t *testing.T) {
	var stop atomic.Bool
	defer stop.Store(true)
	for range runtime.NumCPU() {
		go func() {
			for !stop.Load() {
			}
		}()
	}
	for _, l := range labs.All() {
		for name, o := range map[string]lab.Options{l.Name: {}, l.Name + " --ipv6": {IPv6: true}} {
			t.Run(name, func(t *testing.T) {
				pictures, surprises, broken := map[string]int{}, 0, 0
				for range *soak {
					r := labtest.Run(t, l, o)
					pictures[labtest.Picture(t, r)]++
					switch r.Outcome {
					case record.Surprise:
						surprises++
					case record.Broken:
						broken++
					}
				}
				t.Logf("%d runs, %d distinct ladders, %d surprises, %d broken", *soak, len(pictures), surprises, broken)
				if len(pictures) != 1 || surprises+broken > 0 {
					for p, n := range pictures {
						t.Errorf("%d times:\n%s", n, p)
					}
				}
			})
		}
	}
}
