// Package counters reads a network namespace's TCP counters: the Tcp line of
// /proc/net/snmp and the TcpExt line of /proc/net/netstat, under the kernel's
// own names (net/ipv4/proc.c).
package counters

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// gauges are no counters: settings and present numbers among the Tcp line.
var gauges = map[string]bool{"RtoAlgorithm": true, "RtoMin": true, "RtoMax": true, "MaxConn": true, "CurrEstab": true}

// Read reads the counters of the calling thread's network namespace, without
// those that are 0.
func Read() (map[string]int64, error) {
	set := map[string]int64{}
	for _, f := range []struct{ file, section string }{{"snmp", "Tcp:"}, {"netstat", "TcpExt:"}} {
		text, err := os.ReadFile("/proc/thread-self/net/" + f.file)
		if err != nil {
			return nil, err
		}
		if err := parse(set, string(text), f.section); err != nil {
			return nil, fmt.Errorf("/proc/net/%s: %w", f.file, err)
		}
	}
	return set, nil
}

// Has reports whether this kernel has a counter of TcpExt, whatever its value.
func Has(name string) (bool, error) {
	text, err := os.ReadFile("/proc/thread-self/net/netstat")
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "TcpExt:") { // the first such line has the names
			return slices.Contains(strings.Fields(line), name), nil
		}
	}
	return false, nil
}

// parse adds the counters of a section: one line of names, then one of values.
func parse(set map[string]int64, text, section string) error {
	var names []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, section) {
			continue
		}
		fields := strings.Fields(line)
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
			if n != 0 && !gauges[name] {
				set[name] = n
			}
		}
		return nil
	}
	return fmt.Errorf("no %s section", section)
}
