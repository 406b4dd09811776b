package report

import (
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// offersOf tells the options of a SYN in few words, without what differs between any
// two runs: "mss 1460, sackOK, timestamps, wscale 7".
func offersOf(s *record.Segment) string {
	var offers []string
	for one := range strings.SplitSeq(s.Options, ",") {
		name, value, _ := strings.Cut(one, " ")
		switch {
		case name == "", name == "nop", name == "eol":
			continue
		case name == "TS":
			one = "timestamps"
		case name == "md5":
			one = "MD5 signature"
		case name == "tfo" && value == "cookiereq":
			one = "asks for a Fast Open cookie"
		case name == "tfo":
			one = "Fast Open cookie"
		}
		offers = append(offers, one)
	}
	if offers == nil {
		return "no options"
	}
	return strings.Join(offers, ", ")
}

// offersDiffer reports whether the hosts' SYNs differ in what they offer, the window
// scale's number apart. Where all are the same, nobody need see them.
func offersDiffer(r *record.Run) bool { return len(offersIn(r)) > 1 }

// offersIn are the kinds of offers that the hosts' SYNs make, in order.
func offersIn(r *record.Run) []string {
	var kinds []string
	for _, e := range r.Events {
		s, ok := e.Body.(*record.Segment)
		if !ok || s.Forged || !isSYN(s) {
			continue
		}
		all := strings.Split(offersOf(s), ", ")
		for i, one := range all {
			if strings.HasPrefix(one, "wscale ") {
				all[i] = "wscale"
			}
		}
		slices.Sort(all)
		if kind := strings.Join(all, ", "); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func isSYN(s *record.Segment) bool { return slices.Contains(strings.Split(s.Flags, ","), "SYN") }

// offers adds, before a SYN that is first seen, a row that says what it offers.
func (b *rowBuilder) offers(e record.Event, s *record.Segment) {
	if b.showOffers && isSYN(s) && !b.held[s.ID] {
		b.remark(e, setting, s.From+"'s "+s.Flags+": "+offersOf(s))
	}
}
