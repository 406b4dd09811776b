package lab

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/rto"
)

// A TimeLeft is what a timer of the kernel's had left when it was looked at.
type TimeLeft = rig.TimeLeft

// A Check compares one piece of evidence with what a claim says it must be.
type Check struct {
	name      string
	got, want any
	ok        bool
	// moot says why the check proves nothing in this run, though it holds.
	moot string
}

// A value is what evidence can be.
type value interface {
	~int | ~int64 | ~uint32 | ~string | ~bool
}

// Is is the check that got is want.
func Is[T value](name string, got, want T) Check {
	return Check{name: name, got: plain(got), want: plain(want), ok: got == want}
}

// AtLeast is the check that got is not less than least.
func AtLeast[N int | float64](name string, got, least N) Check {
	return Check{name: name, got: digits(got), want: fmt.Sprintf("at least %v", least), ok: got >= least}
}

// Between is the check that got is neither less than least nor more than most.
func Between[N int | float64](name string, got, least, most N) Check {
	return Check{name: name, got: digits(got), want: fmt.Sprintf("%v to %v", least, most), ok: got >= least && got <= most}
}

// digits is a number as evidence has it: one with a fraction is a text, for a record has
// whole numbers alone.
func digits[N int | float64](v N) any {
	if n, ok := any(v).(int); ok {
		return int64(n)
	}
	return fmt.Sprint(v)
}

// OneOf is the check that got is one of those that are wanted.
func OneOf(name, got string, want ...string) Check {
	shown := make([]string, len(want))
	for i, v := range want {
		shown[i] = cmp.Or(v, `""`)
	}
	return Check{name: name, got: got, want: strings.Join(shown, " or "), ok: slices.Contains(want, got)}
}

// Seen is a piece of evidence worth having that nothing hangs on.
func Seen[T value](name string, got T) Check {
	return Check{name: name, got: plain(got), ok: true}
}

// plain turns a value into one of the types that evidence has.
func plain[T value](v T) any {
	switch v := any(v).(type) {
	case int:
		return int64(v)
	case uint32:
		return int64(v)
	default:
		return v
	}
}

// Left is the check that a timer was set to nominal, by what it has left.
func Left(name string, got TimeLeft, nominal time.Duration) Check {
	return milliseconds(name, got.Left, nominal, got.WasSetTo(nominal))
}

// LeftWithin is the check that a timer was set to least at least and to most at
// most, by what it has left.
func LeftWithin(name string, got TimeLeft, least, most time.Duration) Check {
	if least == most {
		return Left(name, got, least)
	}
	c := Left(name, got, min(max(got.Left, least), most))
	c.want = fmt.Sprintf("%d to %d", least.Milliseconds(), most.Milliseconds())
	return c
}

// Lasted is the check that something which a timer ends took no less than what
// the timer had left when it was looked at.
func Lasted(name string, got time.Duration, timer TimeLeft) Check {
	return milliseconds(name, got, timer.Left, rig.InTime(got, timer.Left))
}

// SentAgain is the check that a segment was sent again when a timer that was
// set to nominal had run out, and no sooner.
func SentAgain(name string, again, first *Segment, nominal time.Duration) Check {
	got := again.since(first)
	return milliseconds(name, got, nominal, rig.InTime(got, nominal) && again.Timer.WasSetTo(nominal))
}

// milliseconds is a check of two times.
func milliseconds(name string, got, want time.Duration, ok bool) Check {
	return Check{name: name + "_ms", got: got.Milliseconds(), want: want.Milliseconds(), ok: ok}
}

// FinWait2 is how long a closed connection is in FIN_WAIT2, for a timeout in
// seconds (TCP_LINGER2, or net.ipv4.tcp_fin_timeout) and a retransmission timeout.
func FinWait2(seconds int, timeout time.Duration) rto.FinWait2 {
	return rto.FinWait2Of(time.Duration(seconds)*time.Second, timeout)
}

// LatestRTO is the longest that a retransmission timeout can be once an
// acknowledgement has come that was that late.
func LatestRTO(timeout, late time.Duration) time.Duration { return rto.Latest(timeout, late) }

// Took returns how long a part of the story has taken.
func Took(part func()) time.Duration {
	begin := time.Now()
	part()
	return time.Since(begin)
}
