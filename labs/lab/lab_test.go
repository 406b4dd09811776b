package lab_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// What is wrong with an argument is said in one line, before anything is done.
func TestRefused(t *testing.T) {
	l := &lab.Lab{
		Name: "test",
		Knobs: []lab.Knob{
			lab.Number("n", 1, 0, 10, ""), lab.Switch("on", ""), lab.Turns("somaxconn", "server:net.core.somaxconn", ""),
		},
		Check: func(a lab.Args) error {
			if a.On("on") && a.Int("n") == 2 {
				return lab.Refuse("n", "2", "not with --on")
			}
			return nil
		},
		Script: func(*lab.Script) { t.Error("the story was told") },
	}
	for _, test := range []struct {
		args lab.Args
		want string
	}{
		{lab.Args{"n": "11"}, "--n 11: want a whole number from 0 to 10"},
		{lab.Args{"n": "-1"}, "--n -1: want a whole number from 0 to 10"},
		{lab.Args{"n": "1e3"}, "--n 1e3: want a whole number from 0 to 10"},
		{lab.Args{"n": ""}, "--n : want a whole number from 0 to 10"},
		{lab.Args{"m": "1"}, "--m: test has no such flag"},
		{lab.Args{"n": "2", "on": "1"}, "--n 2: not with --on"},
	} {
		_, err := lab.Run(context.Background(), l, lab.Options{Args: test.args})
		if !errors.As(err, new(*lab.UsageError)) || err.Error() != test.want {
			t.Errorf("%v: %v, want %s", test.args, err, test.want)
		}
	}
}

func TestParseSysctl(t *testing.T) {
	for text, want := range map[string]lab.Sysctl{
		"net.ipv4.tcp_sack=0":        {Key: "net.ipv4.tcp_sack", Value: "0"},
		"client:net.ipv4.tcp_sack=0": {Side: "client", Key: "net.ipv4.tcp_sack", Value: "0"},
		"server:a=b=c":               {Side: "server", Key: "a", Value: "b=c"},
	} {
		got, err := lab.ParseSysctl(text)
		if err != nil || got.Side != want.Side || got.Key != want.Key || got.Value != want.Value {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "=", "a", "a=", "=1", "peer:a=1", ":a=1"} {
		if _, err := lab.ParseSysctl(text); !errors.As(err, new(*lab.UsageError)) {
			t.Errorf("%q: %v, want a usage error", text, err)
		}
	}
}

func TestBetween(t *testing.T) {
	for got, want := range map[int]record.Verdict{3: record.Refuted, 4: record.Confirmed, 5: record.Confirmed, 6: record.Refuted} {
		r := tell(t, lab.Options{}, func(s *lab.Script) {
			s.Expect("claim", lab.Between("n", got, 4, 5))
		}, lab.Claim{ID: "claim", Text: "A claim.", Source: "a source"})
		if r.Claims[0].Verdict != want || (want == record.Refuted && r.Claims[0].Expected[0].Value != "4 to 5") {
			t.Errorf("%d is %+v, want %s", got, r.Claims[0], want)
		}
	}
}

// A story may make claims while it is told; they are judged as those of a lab, and a
// mistake of its own says where in its text it is.
func TestClaim(t *testing.T) {
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		s.At("own.star:1:1")
		s.Claim(lab.Claim{ID: "sum", Text: "One and one are two."}, lab.Is("sum", 1+1, 2))
		s.Claim(lab.Claim{ID: "myth", Text: "One and one are three.", Myth: true, Truth: "They are two."}, lab.Is("sum", 1+1, 3))
		s.Claim(lab.Claim{ID: "wrong", Text: "Two and two are five."}, lab.Is("sum", 2+2, 5))
	})
	var got []string
	for _, c := range r.Claims {
		got = append(got, fmt.Sprintf("%s %s %t", c.ID, c.Verdict, c.Surprise))
	}
	want := []string{"sum confirmed false", "myth refuted false", "wrong refuted true"}
	if diff := cmp.Diff(want, got); diff != "" || r.Outcome != record.Surprise || r.Error != "" {
		t.Errorf("%s %s; claims (-want +got):\n%s", r.Outcome, r.Error, diff)
	}
	for _, fail := range []func(*lab.Script){
		func(s *lab.Script) { s.Fail(errors.New("a mistake")) },
		func(s *lab.Script) { s.Sock("nobody") },
		func(s *lab.Script) { s.Claim(lab.Claim{ID: "nothing"}) },
	} {
		r := tell(t, lab.Options{}, func(s *lab.Script) {
			s.At("own.star:7:14")
			fail(s)
		})
		if r.Outcome != record.Broken || !strings.HasPrefix(r.Error, "own.star:7:14: ") {
			t.Errorf("%s: %s", r.Outcome, r.Error)
		}
	}
}
