package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// A count is what counters of a host's kernel have risen by: "ListenDrops +1".
type count struct {
	host, text string
	names      []string
}

// telling are the counters that are shown: those of a segment that was dropped, or
// refused, or answered in an unusual way. The record has the others as well, but
// these say what is to be seen anyhow, or mean the kernel's own housekeeping. See also
// failedCookies.
var telling = []string{
	"EmbryonicRsts", "InCsumErrors", "ListenDrops", "ListenOverflows", "LockDroppedIcmps",
	"OutOfWindowIcmps", "PAWSEstab", "PAWSOldAck", "PAWSActive", "PAWSTimewait", "RcvPruned", "OfoPruned", "PruneCalled",
	"SyncookiesRecv", "SyncookiesSent",
	"TCPACKSkippedChallenge", "TCPACKSkippedFinWait2", "TCPACKSkippedPAWS", "TCPACKSkippedSeq",
	"TCPACKSkippedSynRecv", "TCPACKSkippedTimeWait",
	"TCPAbortFailed", "TCPAbortOnClose", "TCPAbortOnData", "TCPAbortOnLinger", "TCPAbortOnMemory", "TCPAbortOnTimeout",
	"TCPAODroppedIcmps", "TCPBacklogDrop", "TCPChallengeACK", "TCPDeferAcceptDrop", "TCPFastOpenListenOverflow",
	"TCPMD5Failure", "TCPMD5NotFound", "TCPMD5Unexpected", "TCPMigrateReqFailure", "TCPMigrateReqSuccess",
	"TCPMinTTLDrop", "TCPOFODrop", "TCPRcvQDrop", "TCPReqQFullDoCookies", "TCPReqQFullDrop", "TCPSYNChallenge",
	"TCPTimeWaitOverflow", "TCPZeroWindowDrop",
}

// failedCookies tells something only where the host has sent a cookie: in the two minutes
// after the kernel's count of jiffies has passed 0 (five minutes after it has started) it
// rises at any ACK to a listener that has never sent one (tcp_synq_no_recent_overflow).
const failedCookies = "SyncookiesFailed"

// countOf is empty where no telling counter has risen. What has risen so far includes c.
func countOf(c *record.Counters, soFar rises) count {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(c.Rose)), func(name string) bool {
		return !slices.Contains(telling, name) && (name != failedCookies || soFar.sum[c.Host]["SyncookiesSent"] == 0)
	})
	return count{c.Host, riseOf(names, c.Rose), names}
}

// riseOf says by how much counters have risen.
func riseOf(names []string, rose map[string]int64) string {
	var all []string
	for _, name := range names {
		all = append(all, fmt.Sprintf("%s %+d", name, rose[name]))
	}
	return strings.Join(all, ", ")
}

// riseText says by how much all counters have risen.
func riseText(rose map[string]int64) string { return riseOf(slices.Sorted(maps.Keys(rose)), rose) }

// lines breaks it between two counters, and none from its number.
func (c count) lines(width int) []string {
	var lines []string
	line := ""
	for _, one := range strings.SplitAfter(c.text, ", ") {
		if line != "" && length(strings.TrimRight(line+one, " ")) > width {
			lines = append(lines, wrap(line, width)...)
			line = ""
		}
		line += one
	}
	return append(lines, wrap(line, width)...)
}

// says tells it in a sentence.
func (c count) says() string {
	text := fmt.Sprintf("The %s's kernel counts %s", c.host, c.text)
	if means := c.meanings(); means != "" {
		text += " (" + means + ")"
	}
	return text + "."
}

// counters adds what counters have risen by to the row that made them rise, which
// may be about another host: a timer's segment is its sender's.
func (b *rowBuilder) counters(e record.Event, c *record.Counters) {
	rose := countOf(c, b.rises)
	if rose.text == "" {
		return
	}
	last := b.lastRow()
	if last < 0 || b.rows[last].kind != 0 {
		b.rows = append(b.rows, row{at: e.At, host: c.Host})
		last = len(b.rows) - 1
	}
	b.rows[last].counts = append(b.rows[last].counts, rose)
}

// isCount reports whether the row is nothing but what counters have risen by.
func (r *row) isCount() bool {
	return r.isBare() && len(r.kernel) == 0 && len(r.counts) > 0
}

// counts draws what counters have risen by, below the rest of the row, each on its
// host's side.
func (d *drawing) counts(r row) {
	at := noTime
	if r.isCount() {
		at = r.at
	}
	for _, c := range r.counts {
		d.side(at, c.host, c.lines(d.roomOf(c.host)), dim)
		at = noTime
	}
}

// saysCounts tells what the row has made counters rise by.
func saysCounts(r *row) string {
	var all []string
	for _, c := range r.counts {
		all = append(all, c.says())
	}
	return strings.Join(all, " ")
}
