package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tcplab/tcplab/labs/record"
)

// A version is a run's ladder, as it is compared with that of others: without times.
type version struct {
	run  *record.Run
	rows []row
	keys []string // rows that are the same have equal keys
}

// versionsOf makes the ladders of runs that are to be compared. What only some of them
// can show is left out of all: the kernel's own account, where not all were traced
// alike, and in any case what it says of timers. Connections are named in all of them, and what SYNs offer is shown, where
// one of them needs it.
func versionsOf(runs []*record.Run) []version {
	account, mixed, many := true, false, false
	for _, r := range runs {
		e, first := &r.Environment, &runs[0].Environment
		account = account && slices.Equal(e.Trace, first.Trace) && slices.Equal(e.TraceLacks, first.TraceLacks)
		mixed = mixed || e.IPv6 != first.IPv6
		many = many || newTags(r, false).many
	}
	var kinds []string
	for _, r := range runs {
		for _, kind := range offersIn(r) {
			kinds = append(kinds, offersOfFamily(kind, mixed))
		}
	}
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	var all []version
	for _, r := range runs {
		b := newRowBuilder(r, false)
		b.tags = newTags(r, many)
		b.showOffers = len(kinds) > 1
		for k := range b.texts {
			if !account || k.Context == record.InTimer { // what nobody waits for is a matter of time
				delete(b.texts, k)
			}
		}
		b.build(r.Events, nil)
		b.tally()
		b.begun()
		v := version{run: r, rows: b.rows}
		k := keyer{run: r, mixed: mixed, syns: map[string]bool{}, ports: map[string]int{}, fds: map[string]int{}, made: map[string]int{}}
		for i := range v.rows {
			v.keys = append(v.keys, k.key(&v.rows[i]))
		}
		all = append(all, v)
	}
	return all
}

// offersOfFamily leaves out the segment size, which follows from the family, where runs
// of both families are compared.
func offersOfFamily(text string, mixed bool) string {
	if !mixed {
		return text
	}
	words := strings.Split(text, ", ")
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "mss ") }), ", ")
}

// firstGiven is the least port that Linux gives by itself (ip_local_port_range). The
// labs have theirs above it, too.
const firstGiven = "32768"

var port5 = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`:\d{5}\b`) })

// A keyer writes rows so that those that say the same are equal.
type keyer struct {
	run   *record.Run
	mixed bool            // runs of both families are compared
	syns  map[string]bool // the ends, one after the other, between which a SYN was sent
	ports map[string]int  // those that stand for a connection → how many there were before
	fds   map[string]int  // host and descriptor → how many were made there before
	made  map[string]int  // host → how many descriptors were made
}

func (k *keyer) key(r *row) string {
	parts := []string{fmt.Sprint(r.kind), r.host, k.neutral(k.call(r)), r.meaning(), r.mark}
	switch {
	case r.kind == setting && strings.Contains(r.remark, "mss "):
		parts = append(parts, offersOfFamily(r.remark, k.mixed))
	default:
		parts = append(parts, k.neutral(r.remark))
	}
	if s := r.segment; s != nil {
		parts = append(parts, s.From, s.To, k.segment(r), string(s.Fate), fmt.Sprint(r.again))
	}
	if m := r.icmp; m != nil {
		parts = append(parts, r.label, k.neutral(m.From.String()), k.neutral(m.Dest.String()))
	}
	for i, m := range r.moves {
		text := stateText(m.before, m.now)
		if i < len(r.states) && text != "" {
			parts = append(parts, k.neutral(m.now.Local.String()), k.neutral(m.now.Remote.String()), text)
		}
	}
	if len(r.states) == 0 && r.segment != nil {
		parts = append(parts, r.unchanged()...)
	}
	for _, c := range r.counts {
		parts = append(parts, c.host, c.text)
	}
	return strings.Join(append(parts, r.kernel...), "\n")
}

// neutral leaves out of a text which family the run's addresses are of, and which
// numbers the ports have that were given to connections one after the other: see nth.
func (k *keyer) neutral(text string) string {
	text = port5().ReplaceAllStringFunc(k.run.Environment.Neutral(text), func(port string) string {
		if port < ":"+firstGiven {
			return port
		}
		before, seen := k.ports[port]
		if !seen {
			k.ports[port] = len(k.ports)
			return ":new"
		}
		return ":" + nth(before, len(k.ports))
	})
	switch {
	case !k.mixed:
	case k.run.Environment.IPv6:
		text = strings.NewReplacer("AF_INET6", "AF", "AF_INET", "the other AF").Replace(text)
	default:
		text = strings.NewReplacer("AF_INET6", "the other AF", "AF_INET", "AF").Replace(text)
	}
	return text
}

// nth stands for a port or a descriptor: the newest is that, whatever there was before
// it, so that what comes after more connections is the same again. Others have their place
// in the order in which they were made.
func nth(before, made int) string {
	if before == made-1 {
		return "newest"
	}
	return fmt.Sprintf("#%d", before)
}

// call is a system call with its result, and nth for its descriptors.
func (k *keyer) call(r *row) string {
	text, result := r.text, r.result
	if r.call == nil {
		return text + result
	}
	if len(r.call.Args) > 0 {
		fd := r.call.Args[0]
		if made, ok := k.fds[r.host+" "+fd]; ok {
			rest := strings.TrimPrefix(text, r.call.Call+"("+fd)
			text = r.call.Call + "(" + nth(made, k.made[r.host]) + rest
		}
	}
	if r.call.Errno == "" && slices.Contains([]string{"socket", "accept", "accept4", "dup"}, r.call.Call) {
		k.fds[r.host+" "+r.call.Result] = k.made[r.host]
		k.made[r.host]++
		result = " = a descriptor"
	}
	return text + result
}

// segment is a segment's connection, and its label without numbers that are absolute:
// a sequence number of who has never sent a SYN, and what acknowledges one.
func (k *keyer) segment(r *row) string {
	s := r.segment
	src, dst := k.neutral(s.Src.String()), k.neutral(s.Dst.String())
	if isSYN(s) {
		k.syns[src+" "+dst] = true
	}
	words := strings.Split(labelOf(*r), " ")
	for i, w := range words {
		if strings.HasPrefix(w, "seq=") && !k.syns[src+" "+dst] || strings.HasPrefix(w, "ack=") && !k.syns[dst+" "+src] {
			words[i] = w[:len("seq=")]
		}
	}
	return src + " " + dst + " " + strings.Join(words, " ")
}

// A stretch is a part of two versions of a ladder in which they are the same, or in
// which they differ. Its ends are indices of rows: from is in it, to is not.
type stretch struct {
	same       bool
	fromA, toA int
	fromB, toB int
}

// stretches aligns two versions: first the headings of their parts, and then what
// stands below each.
func stretches(a, b *version) []stretch {
	var all []stretch
	i, j := 0, 0
	to := func(toA, toB int) { // what differs
		if i < toA || j < toB {
			all = append(all, stretch{false, i, toA, j, toB})
		}
		i, j = toA, toB
	}
	same := func() {
		if last := len(all) - 1; last >= 0 && all[last].same {
			all[last].toA, all[last].toB = i+1, j+1
		} else {
			all = append(all, stretch{true, i, i + 1, j, j + 1})
		}
		i, j = i+1, j+1
	}
	below := func(endA, endB int) {
		fromA, fromB := i, j
		for _, p := range align(a.keys[fromA:endA], b.keys[fromB:endB]) {
			to(fromA+p.a, fromB+p.b)
			same()
		}
		to(endA, endB)
	}
	headsA, headsB := a.headings(), b.headings()
	for _, p := range align(a.keysOf(headsA), b.keysOf(headsB)) {
		below(headsA[p.a], headsB[p.b])
		same()
	}
	below(len(a.keys), len(b.keys))
	return all
}

// headings are the indices of the rows that begin a part.
func (v *version) headings() []int {
	var all []int
	for i := range v.rows {
		if v.rows[i].kind == heading {
			all = append(all, i)
		}
	}
	return all
}

func (v *version) keysOf(rows []int) []string {
	var keys []string
	for _, i := range rows {
		keys = append(keys, v.keys[i])
	}
	return keys
}

// kindsOf gives versions that are the same the same number, from 0 on.
func kindsOf(versions []version) []int {
	number := map[string]int{}
	kinds := make([]int, len(versions))
	for i, v := range versions {
		all := strings.Join(v.keys, "\n\n")
		n, ok := number[all]
		if !ok {
			n = len(number)
			number[all] = n
		}
		kinds[i] = n
	}
	return kinds
}
