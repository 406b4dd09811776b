package labs

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/lab"
)

// A Hit is a lab that tells of what was asked.
type Hit struct {
	Lab    *lab.Lab
	Score  float64 // the larger, the more it tells; of hits for one question only
	Claims []*lab.Claim
}

// Search finds the labs that tell of a question, the best first, by the words of their
// own texts, claims and ladders. Words that all labs have count little, and so do labs
// that have few of the question's words. Each hit has its claims that answer best.
func Search(question string) []Hit {
	x := words()
	question = withErrnos(question)
	asked := x.known(question)
	if len(asked) == 0 || 2*len(asked) < len(distinct(tokens(question))) {
		return nil // it is about something else
	}
	var hits []Hit
	for _, l := range All() {
		h := Hit{Lab: l, Score: x.score(x.labs[l.Name], asked)}
		if h.Score == 0 {
			continue
		}
		of := map[*lab.Claim]float64{}
		for i := range l.Claims {
			c := &l.Claims[i]
			of[c] = x.score(x.claims[l.Name+" "+c.ID], asked)
			h.Claims = append(h.Claims, c)
		}
		slices.SortStableFunc(h.Claims, func(a, b *lab.Claim) int { return cmp.Compare(of[b], of[a]) })
		best := of[h.Claims[0]]
		h.Score += best
		h.Claims = slices.DeleteFunc(h.Claims, func(c *lab.Claim) bool { return of[c] == 0 || of[c] < best*2/3 })
		hits = append(hits, h)
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) })
	for i, h := range hits {
		if i == mostHits || h.Score < hits[0].Score/3 {
			return hits[:i]
		}
	}
	return hits
}

// mostHits is how many labs answer a question at most.
const mostHits = 5

// How much a word counts, by where it stands.
const (
	inName, inClaim, inOptions = 6, 3, 4
	inLong, inWhy, inLadder    = 2, 1, 0.5
)

// A text is how much each word counts in it, and the words in their order.
type text struct {
	weights map[string]float64
	all     []string
}

func (t *text) add(weight float64, texts ...string) {
	for _, one := range texts {
		some := tokens(one)
		for _, w := range some {
			t.weights[w] += weight
		}
		t.all = append(t.all, some...)
	}
}

// says reports whether words stand close together in the text, in any order.
func (t *text) says(asked []string) bool {
	near := len(asked) + 1
	for i := range t.all {
		some := t.all[i:min(len(t.all), i+near)]
		if slices.Contains(asked, t.all[i]) && !slices.ContainsFunc(asked, func(w string) bool { return !slices.Contains(some, w) }) {
			return true
		}
	}
	return false
}

// An index is the words of all labs.
type index struct {
	labs, claims map[string]*text
	in           map[string]int // word → labs that have it
}

// words is made when somebody asks for the first time.
var words = sync.OnceValue(func() *index {
	x := &index{labs: map[string]*text{}, claims: map[string]*text{}, in: map[string]int{}}
	for _, l := range All() {
		t := &text{weights: map[string]float64{}}
		t.add(inName, l.Name, l.Title)
		t.add(inOptions, l.Sockopts...)
		t.add(inOptions, l.Reads...)
		for _, k := range l.Knobs {
			t.add(inOptions, k.Name, k.Sysctl)
			t.add(inLong, k.Help)
		}
		t.add(inLong, l.Long, l.Look)
		t.add(inWhy, l.Why)
		t.add(inLadder, Ladder(l.Name))
		for _, c := range l.Claims {
			t.add(inClaim, c.ID, c.Text, c.Truth)
			ct := &text{weights: map[string]float64{}}
			ct.add(inClaim, c.ID, c.Text)
			ct.add(1, c.Truth, c.Source)
			x.claims[l.Name+" "+c.ID] = ct
		}
		x.labs[l.Name] = t
		for w := range t.weights {
			x.in[w]++
		}
	}
	return x
})

// known are the words of a question that some lab has, each once.
func (x *index) known(question string) []string {
	return slices.DeleteFunc(distinct(tokens(question)), func(w string) bool { return x.in[w] == 0 })
}

func distinct(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

// score is how much a text tells of what was asked.
func (x *index) score(t *text, asked []string) float64 {
	const enough = 6 // more of the same word says little more
	sum, has := 0.0, 0
	for _, w := range asked {
		n := t.weights[w]
		if n == 0 {
			continue
		}
		has++
		rare := math.Log(1 + float64(len(x.labs))/float64(x.in[w]))
		sum += rare * n / (n + enough)
	}
	if has == 0 {
		return 0
	}
	sum *= float64(has) / float64(len(asked))
	if len(asked) > 1 && has == len(asked) && t.says(asked) {
		sum *= 1.5
	}
	return sum
}

// plain is a text in small letters, with its words alone.
func plain(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r)
	}), " ")
}

// eventOf is the event that a word names as poll(2) or epoll_ctl(2) do: "rdhup" for
// "epollrdhup"; or "".
func eventOf(w string) string {
	event, isEvent := strings.CutPrefix(strings.TrimPrefix(w, "e"), "poll")
	if isEvent && slices.Contains([]string{"in", "out", "err", "hup", "rdhup", "pri"}, event) {
		return event
	}
	return ""
}

// withoutPrefix takes from a name what others of its kind have as well: "nodelay" for
// "tcp_nodelay".
func withoutPrefix(w string) string {
	prefix, short, _ := strings.Cut(w, "_")
	if slices.Contains([]string{"tcp", "so", "ip", "ipv6", "net"}, prefix) {
		return short
	}
	return w
}

// tokens are the words of a text that say something, in a form in which "closes" and
// "closed" are one. A name as TCP_NODELAY is there with its prefix and without.
func tokens(s string) []string {
	var all []string
	for w := range strings.FieldsSeq(plain(s)) {
		if little()[w] || len(w) < 2 && !unicode.IsDigit(rune(w[0])) {
			continue
		}
		all = append(all, stem(w))
		if event := eventOf(w); event != "" {
			all = append(all, "poll", event)
		}
		if short := withoutPrefix(w); short != w && short != "" {
			all = append(all, stem(short))
		}
		if joined := strings.ReplaceAll(w, "_", ""); joined != w {
			all = append(all, joined)
		}
	}
	return all
}

// little are words that say little.
var little = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(`a an the this that these those it its of to in on at by for from with and or but
		is are was were be been has have had do does did done can could may might must should will would if when while where
		which who whom whose what why how there here then than so as only all any each other another one i my me we you
		your they their them he she up out off into over after before because though still also ever get gets got`) {
		all[w] = true
	}
	return all
})

// withErrnos adds to a question the names of the errors that it has in words, as strerror(3)
// has them: EMFILE to "too many open files".
func withErrnos(question string) string {
	said := " " + plain(question) + " "
	for n := unix.Errno(1); n <= unix.EHWPOISON; n++ { // the last
		if text := plain(n.Error()); strings.Contains(said, " "+text+" ") && strings.Contains(text, " ") {
			question += " " + unix.ErrnoName(n)
		}
	}
	return question
}

// stem takes endings off.
func stem(w string) string {
	if strings.ContainsAny(w, "_0123456789") {
		return w
	}
	if irregular, ok := irregulars[w]; ok {
		w = irregular
	}
	for _, end := range []string{"ing", "ed", "es", "s"} {
		if short, ok := strings.CutSuffix(w, end); ok && len(short) >= 3 && !strings.HasSuffix(w, "ss") {
			w = short
			break
		}
	}
	if len(w) > 3 && w[len(w)-1] == w[len(w)-2] && w[len(w)-1] != 's' { // dropped, as drop
		w = w[:len(w)-1]
	}
	return strings.TrimSuffix(w, "e")
}

// irregulars are the words of the labs whose forms have no common beginning.
var irregulars = map[string]string{
	"sent": "send", "lost": "lose", "loses": "lose", "kept": "keep", "bound": "bind", "told": "tell", "written": "write",
	"wrote": "write", "chosen": "choose", "chose": "choose", "broken": "break", "broke": "break", "held": "hold", "dying": "die",
	"died": "die", "dies": "die", "dead": "die", "refused": "refuse", "refusal": "refuse", "retransmission": "retransmit",
	"retransmissions": "retransmit", "exhaustion": "exhaust", "connection": "connect", "connections": "connect", "connected": "connect",
	"replies": "answer", "reply": "answer", "response": "answer", "picks": "choose", "pick": "choose", "picked": "choose",
	"descriptors": "descriptor", "fds": "descriptor", "fd": "descriptor",
	"epoll": "poll", "select": "poll", "not": "no", "never": "no", "nothing": "no", "without": "no", "doesn": "no", "isn": "no",
}
