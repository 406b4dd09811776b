package labs

import (
	"slices"

	"github.com/tcplab/tcplab/labs/lab"
)

// A Chapter is a part of the course.
type Chapter struct {
	Title string
	Labs  []*lab.Lab
}

// chapters are the labs in the order in which a book on TCP tells of what they show:
// first how it works, and then what goes wrong.
var chapters = []struct {
	title string
	names []string
}{
	{"A connection opens", []string{"handshake", "negotiate", "lifecycle", "noaccept", "nolisten"}},
	{"A connection closes", []string{"fourway", "threeway", "halfclose", "timewait", "bucket", "finwait2", "closewait"}},
	{"Data moves", []string{"stream", "delack", "nagle", "buffers", "autotuning", "window", "zerowindow", "slowstart"}},
	{"Segments are lost", []string{"lostsyn", "lostsynack", "lostack", "lostdata", "fastretransmit", "reorder", "tailloss", "lostagain", "spurious", "rtt", "rtolimits", "metrics", "lostfin", "lostfinack", "lostpeerfin", "lostlastack"}},
	{"A listener has queues", []string{"backlog", "synqueue", "relisten", "deferaccept", "fastopen", "fastopenlimits", "acceptreset", "emfile"}},
	{"Resets and errors", []string{"earlyclose", "abortclose", "resetclose", "reseterrors", "unreachable", "linger", "blindrst", "blindsyn", "blinddata", "ratelimit", "oldfin", "paws", "signature", "destroy"}},
	{"The other side says nothing", []string{"crash", "keepalive", "usertimeout", "halfopen"}},
	{"What programs see", []string{"readiness", "sharedfd", "shutread", "connecttwice", "urgent", "dualstack"}},
	{"Ports and addresses", []string{"ports", "bindrules", "reuseport", "twreuse", "twsyn"}},
	{"The path between", []string{"mtu", "mtuprobe", "ecn", "ipheader"}},
	{"Rare, and allowed", []string{"simopen", "crossed", "simclose", "selfconnect"}},
}

// Course returns all labs in the order for a reader of a book, each once. Those that no
// chapter names come last.
func Course() []Chapter {
	rest := All()
	var course []Chapter
	for _, c := range chapters {
		chapter := Chapter{Title: c.title}
		for _, name := range c.names {
			i := slices.IndexFunc(rest, func(l *lab.Lab) bool { return l.Name == name })
			if i < 0 {
				continue // a test wants it to be there
			}
			chapter.Labs = append(chapter.Labs, rest[i])
			rest = slices.Delete(rest, i, i+1)
		}
		course = append(course, chapter)
	}
	if len(rest) > 0 {
		course = append(course, Chapter{"More", rest})
	}
	return course
}
