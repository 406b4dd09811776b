package rig

import (
	"maps"

	"github.com/tcplab/tcplab/labs/record"
)

// ordinary are the counters that rise with what every run is full of, and say
// nothing about the event that they rise at.
var ordinary = map[string]bool{
	"ActiveOpens": true, "PassiveOpens": true, "InSegs": true, "OutSegs": true, "CurrEstab": true,
	"TW": true, "DelayedACKs": true, "TCPHPHits": true, "TCPPureAcks": true, "TCPHPAcks": true,
	"TCPOrigDataSent": true, "TCPDelivered": true, "TCPRcvCoalesce": true, "TCPAutoCorking": true,
	"TCPFromZeroWindowAdv": true, "TCPAckCompressed": true, "PAWSPassive": true,
}

// count records which counters have risen since they were last read. It is called
// where an event shows no other trace, where a segment was injected, where a socket
// has ended, and after a wait for a timer; else the kernel would be asked for hundreds
// of numbers for every segment. So a counter that rises elsewhere is told of with a
// later event.
func (h *Host) count() error {
	g := h.rig
	if g.config.Blind {
		return nil
	}
	now, err := h.ReadCounters()
	if err != nil {
		return err
	}
	rose := map[string]int64{}
	for name, n := range now {
		if by := n - h.counters[name]; by != 0 && !ordinary[name] {
			rose[name] = by
		}
	}
	h.counters = now
	if len(rose) == 0 {
		return nil
	}
	return g.Journal.Add(&record.Counters{Host: h.Name, Rose: rose})
}

// Probed reports whether the host has sent a tail loss probe since its counters
// were last read. inet_diag reports no such thing.
func (h *Host) Probed() (bool, error) {
	const probes = "TCPLossProbes"
	now, err := h.ReadCounters()
	return err == nil && now[probes] > h.counters[probes], err
}

// ReadCounters reads by how much the kernel's counters of the host have risen
// during the run: in a new namespace all of them are 0.
func (h *Host) ReadCounters() (map[string]int64, error) {
	if err := h.Enter(); err != nil {
		return nil, err
	}
	now, err := h.Host.Counters()
	return now, h.Wrap(err)
}

// Counters returns what all hosts' counters have risen by, by the host's name.
func (g *Rig) Counters() (map[string]map[string]int64, error) {
	all := map[string]map[string]int64{}
	for _, h := range g.Hosts {
		now, err := h.ReadCounters()
		if err != nil {
			return nil, err
		}
		all[h.Name] = maps.Clone(now)
	}
	return all, nil
}
