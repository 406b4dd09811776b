// Package counters reads a network namespace's TCP counters: the Tcp line of
// /proc/net/snmp and the TcpExt line of /proc/net/netstat, under the kernel's
// own names (net/ipv4/proc.c).
package counters

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Set holds a value for each counter.
type Set map[string]int64

// Read reads the counters of the calling thread's network namespace.
func Read() (Set, error) {
	set := Set{}
	for file, section := range map[string]string{"snmp": "Tcp:", "netstat": "TcpExt:"} {
		text, err := os.ReadFile("/proc/thread-self/net/" + file)
		if err != nil {
			return nil, err
		}
		if err := parse(set, string(text), section); err != nil {
			return nil, fmt.Errorf("/proc/net/%s: %w", file, err)
		}
	}
	return set, nil
}

// parse adds the counters of a section: one line of names, then one of values.
func parse(set Set, text, section string) error {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != section {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		if len(fields) != len(names) {
			return fmt.Errorf("%s %d names, %d values", section, len(names)-1, len(fields)-1)
		}
		for i, name := range names[1:] {
			n, err := strconv.ParseInt(fields[i+1], 10, 64)
			if err != nil {
				return fmt.Errorf("%s %s: %w", section, name, err)
			}
			set[name] = n
		}
		return nil
	}
	return fmt.Errorf("no %s section", section)
}

// gauges are no counters: settings and present numbers among the Tcp line.
var gauges = map[string]bool{"RtoAlgorithm": true, "RtoMin": true, "RtoMax": true, "MaxConn": true, "CurrEstab": true}

// Since returns what has risen since before, without what has not changed.
func (s Set) Since(before Set) Set {
	delta := Set{}
	for name, n := range s {
		if d := n - before[name]; d != 0 && !gauges[name] {
			delta[name] = d
		}
	}
	return delta
}
