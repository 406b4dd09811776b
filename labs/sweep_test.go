package labs_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

var sweep = flag.Int("sweep", 3, "settings that TestSweep tries with each lab; 0 for all of them")

// values are what TestSweep sets sysctls to. The kernel refuses some of them for
// some sysctls, which is an answer as well.
var values = []string{"0", "1", "2", "3", "5", "60", "1000"}

// memory are values for the sysctls that are three sizes of a buffer.
var memory = []string{"4096 4096 4096", "4096 16384 16384", "4096 131072 262144"}

// patience is how long TestSweep waits for a run: some settings make it wait for
// hours, as they should.
const patience = 12 * time.Second

// settings are all that TestSweep sets: each pinned sysctl, and each that a lab
// turns or reads, on both hosts.
func settings(t *testing.T) []lab.Sysctl {
	var keys []string
	for _, p := range stack.Pinned {
		keys = append(keys, p.Key)
	}
	keys = append(keys, lab.Sysctls(labs.All())...)
	keys = append(keys, "net.ipv4.tcp_max_tw_buckets")
	slices.Sort(keys)
	var all []lab.Sysctl
	for _, key := range slices.Compact(keys) {
		some := values
		switch key {
		case "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem":
			some = memory
		case "net.ipv4.tcp_congestion_control":
			allowed, err := os.ReadFile("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
			if err != nil {
				t.Fatal(err)
			}
			some = strings.Fields(string(allowed))
		}
		for _, v := range some {
			s, err := lab.ParseSysctl(key + "=" + v)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
	}
	return all
}

// Whatever a sysctl is set to, no lab breaks, and none is surprised: it expects
// what the setting makes of the behaviour, or says that its ground is gone.
func TestSweep(t *testing.T) {
	t.Parallel()
	labtest.Run(t, labs.All()[0], lab.Options{}) // skips the test where no lab can run
	all := settings(t)
	abreast := make(chan struct{}, 24) // they hardly do anything but wait
	var running sync.WaitGroup
	for i, l := range labs.All() {
		if *oneLab != "" && l.Name != *oneLab {
			continue
		}
		for n := range all {
			if *sweep > 0 && (n+7*i)%(len(all) / *sweep) != 0 {
				continue
			}
			abreast <- struct{}{}
			running.Go(func() {
				defer func() { <-abreast }()
				enough, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				var r *record.Run
				var err error
				for range labtest.Attempts {
					r, err = lab.Run(enough, l, lab.Options{Sysctls: all[n : n+1]})
					if err != nil || r.Late == nil || r.Outcome != record.Broken {
						break
					}
				}
				setting := all[n].Key + "=" + all[n].Value
				switch {
				case errors.As(err, new(*lab.UsageError)), errors.Is(err, context.DeadlineExceeded):
				case err != nil:
					t.Errorf("%s --sysctl %s: %v", l.Name, setting, err)
				case r.Outcome != record.Expected:
					t.Errorf("%s --sysctl %s: %s: %s", l.Name, setting, r.Outcome, r.Error)
					for _, c := range r.Claims {
						if c.Surprise {
							t.Logf("%s: %v, expected %v", c.ID, c.Evidence, c.Expected)
						}
					}
				}
			})
		}
	}
	running.Wait()
}
