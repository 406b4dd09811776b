package lab

import "github.com/tcplab/tcplab/labs/internal/rig"

// Faulty returns options with which change gets at each host's instruments
// before the story begins.
func Faulty(o Options, change func(host string, i *rig.Instruments)) Options {
	o.faulty = change
	return o
}
