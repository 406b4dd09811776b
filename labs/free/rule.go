package free

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/internal/pattern"
	"github.com/tcplab/tcplab/labs/internal/wire"
)

// A Rule says what the wire does with some of the segments. It is made by ParseRule.
type Rule struct {
	text string
	do   action
	on   pattern.Pattern // for a rule about segments
	each bool            // on.Nth counts in each connection by itself
	// until ends a hold that has no time, and begins to let a side vanish; nil for none.
	until *pattern.Pattern
	after int // of resetAfter: how many segments of on
	// For a rule about a direction: whose packets, "" for both hosts'.
	from string
	time time.Duration // of hold and delay
	loss float64       // from 0 to 1
	rate float64       // bits a second
	seed uint64
	dice map[string]*rand.Rand // of each direction
	hits int                   // how often it has acted
	seen map[any]int           // segments that it names, by connection where each
	// endings are the packets, by their IDs, with which a hold ends.
	endings  []int
	untilMet int
	begun    bool                 // of vanish
	frees    map[string]time.Time // of rate: when a direction is free again
}

type action int

const (
	drop action = iota
	hold
	duplicate
	reset
	reorder
	delayOne   // a segment, and what its host sends after it on that connection
	resetAfter // once so many have arrived
	vanish     // all that a side sends, once a segment has arrived
	delayAll
	lose
	rate
)

// ParseRule reads a rule: see Grammar. The error is a *GrammarError.
func ParseRule(text string) (*Rule, error) {
	r := &Rule{text: strings.Join(strings.Fields(text), " "), seen: map[any]int{}, dice: map[string]*rand.Rand{}, frees: map[string]time.Time{}}
	verb, rest, _ := strings.Cut(r.text, " ")
	var err error
	switch verb {
	case "drop":
		r.do, err = drop, r.segment(rest)
	case "duplicate":
		r.do, err = duplicate, r.segment(rest)
	case "reorder":
		r.do, err = reorder, r.segment(rest)
	case "hold":
		err = r.parseHold(rest)
	case "reset":
		err = r.parseReset(rest)
	case "vanish":
		err = r.parseVanish(rest)
	case "delay":
		err = r.parseDelay(rest)
	case "loss":
		err = r.parseLoss(rest)
	case "rate":
		err = r.parseRate(rest)
	case "":
		err = errors.New("there is nothing in it")
	default:
		err = fmt.Errorf("nothing is called %q", verb)
		if here := othersNames[verb]; here != "" {
			err = fmt.Errorf("what others call %q is %q here", verb, here)
			verb = here
		}
	}
	if err != nil {
		return nil, &GrammarError{"rule", text, err, formsOf(verb)}
	}
	return r, nil
}

// String returns the rule as it was written.
func (r *Rule) String() string { return r.text }

// segment reads the segment that the rule is about.
func (r *Rule) segment(text string) (err error) {
	if rest, ok := strings.CutPrefix(text, "each "); ok {
		r.each, text = true, rest
	}
	r.on, err = parseSegment(text)
	return err
}

func parseSegment(text string) (pattern.Pattern, error) {
	if word, _, _ := strings.Cut(text, " "); word == both || word == Client || word == Server {
		return pattern.Pattern{}, fmt.Errorf("%q is a side, and no segment, as client:data is", word)
	}
	p, err := pattern.Parse(text)
	if err == nil && p.From != "" && p.From != Client && p.From != Server {
		err = fmt.Errorf("no host is called %q: there are %s and %s", p.From, Client, Server)
	}
	return p, err
}

func (r *Rule) parseHold(text string) (err error) {
	r.do = hold
	if what, long, ok := strings.Cut(text, " for "); ok {
		if r.time, err = parseTime(long); err == nil {
			err = r.segment(what)
		}
		return err
	}
	what, until, ok := strings.Cut(text, " until ")
	if !ok {
		return errors.New("until when?")
	}
	p, err := parseSegment(until)
	if err != nil {
		return err
	}
	r.until = &p
	return r.segment(what)
}

func (r *Rule) parseReset(text string) error {
	r.do = reset
	counted, ok := strings.CutPrefix(text, "after ")
	if !ok {
		return r.segment(text)
	}
	r.do = resetAfter
	each := strings.HasPrefix(counted, "each ")
	counted = strings.TrimPrefix(counted, "each ")
	number, what, _ := strings.Cut(counted, " ")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return fmt.Errorf("after %q segments: want a number from 1", number)
	}
	r.after = n
	if err := r.segment(what); err != nil {
		return err
	}
	r.each = r.each || each
	if r.on.Nth != 0 {
		return errors.New("after N segments takes no #n")
	}
	return nil
}

func (r *Rule) parseVanish(text string) error {
	r.do = vanish
	side, after, ok := strings.Cut(text, " after ")
	if !ok {
		return errors.New("after which segment?")
	}
	p, err := parseSegment(after)
	if err != nil {
		return err
	}
	r.until = &p
	return r.side(side)
}

func (r *Rule) parseDelay(text string) (err error) {
	i := strings.LastIndex(text, " ")
	if i < 0 {
		return errors.New("of what, and for how long?")
	}
	if r.time, err = parseTime(text[i+1:]); err != nil {
		return err
	}
	if r.side(text[:i]) == nil {
		r.do = delayAll
		return nil
	}
	if side, more, _ := strings.Cut(text[:i], " "); r.side(side) == nil {
		return fmt.Errorf("%q: a side's packets are all as late", more+text[i:])
	}
	r.do = delayOne
	return r.segment(text[:i])
}

func (r *Rule) parseLoss(text string) error {
	r.do = lose
	words := strings.Fields(text)
	r.seed = 1
	if len(words) == 4 && words[2] == "seed" {
		n, err := strconv.ParseUint(words[3], 10, 64)
		if err != nil {
			return fmt.Errorf("seed %s: want a number from 0", words[3])
		}
		r.seed, words = n, words[:2]
	}
	if len(words) != 2 {
		return errors.New("of which side, and how much?")
	}
	percent, ok := strings.CutSuffix(words[1], "%")
	n, err := strconv.ParseFloat(percent, 64)
	if !ok || err != nil || !(n > 0 && n <= 100) {
		return fmt.Errorf("%s: want a percentage above 0%%, up to 100%%", words[1])
	}
	r.loss = n / 100
	return r.side(words[0])
}

// units of a rate, in bits a second (tc(8), UNITS).
var units = []struct {
	name string
	bits float64
}{{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"bit", 1}}

func (r *Rule) parseRate(text string) error {
	r.do = rate
	words := strings.Fields(text)
	if len(words) != 2 {
		return errors.New("of which side, and how fast?")
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(words[1], u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if r.rate = n * u.bits; err != nil || !(r.rate >= 1000 && r.rate <= 1e12) {
			break
		}
		return r.side(words[0])
	}
	return fmt.Errorf("%s: want a rate from 1kbit to 1000gbit", words[1])
}

// both is the side that stands for either host.
const both = "both"

// side reads whose packets the rule is about.
func (r *Rule) side(text string) error {
	switch text {
	case both:
		r.from = ""
	case Client, Server:
		r.from = text
	default:
		return fmt.Errorf("%q is no side: want client, server or both", text)
	}
	return nil
}

// maxTime bounds a rule's times: nobody waits longer.
const maxTime = time.Hour

func parseTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxTime {
		return 0, fmt.Errorf("%q is no time: want one like 10ms, 3s or 1m30s, up to 1h", text)
	}
	return d, nil
}

// aboutSide reports whether the rule is about all that a side sends.
func (r *Rule) aboutSide() bool { return r.do >= delayAll }

// meets counts a segment that the rule names, and reports whether the rule is to act
// on it.
func (r *Rule) meets(s pattern.Segment, connection any) bool {
	if r.do == vanish {
		return r.begun && (r.from == "" || r.from == s.From)
	}
	if r.aboutSide() || !r.on.Matches(s) {
		return false
	}
	if !r.each {
		connection = nil
	}
	r.seen[connection]++
	n := r.seen[connection]
	if r.do == resetAfter {
		return n == r.after
	}
	return r.on.Nth == 0 || r.on.Nth == n
}

// falls throws the dice for a packet of a side.
func (r *Rule) falls(from string) bool {
	d := r.dice[from]
	if d == nil {
		stream := uint64(0)
		if from == Server {
			stream = 1
		}
		d = rand.New(rand.NewPCG(r.seed, stream))
		r.dice[from] = d
	}
	return d.Float64() < r.loss
}

// ends notes that a packet is one that the rule's until names.
func (r *Rule) ends(p *wire.Packet) {
	if r.untilMet++; r.until.Nth == 0 && (r.hits > 0 || r.do == vanish) || r.until.Nth == r.untilMet {
		r.endings = append(r.endings, p.ID)
	}
}

// through is when a packet that comes to the link at a time has gone through.
func (r *Rule) through(from string, at time.Time, bytes int) time.Time {
	if busy := r.frees[from]; busy.After(at) {
		at = busy
	}
	at = at.Add(time.Duration(float64(bytes) * 8 / r.rate * float64(time.Second)))
	r.frees[from] = at
	return at
}
