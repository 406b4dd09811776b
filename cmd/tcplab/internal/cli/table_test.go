package cli

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A table is as wide as it may be, whatever is in it, and no terminal acts on that.
func TestTable(t *testing.T) {
	claims := func(all ...record.Verdict) (claims []record.Claim) {
		for _, v := range all {
			claims = append(claims, record.Claim{ID: "line-2", Verdict: v, Surprise: v == record.Refuted})
		}
		return claims
	}
	results := []result{
		{lab: &lab.Lab{Name: "team/a.star"}, run: &record.Run{Outcome: record.Expected, Claims: claims(record.Confirmed, record.Inapplicable)}},
		{lab: &lab.Lab{Name: "team/networks/load-balancers.star"}, run: &record.Run{Outcome: record.Surprise, Claims: claims(record.Refuted)}},
		{lab: &lab.Lab{Name: "b.star"}, run: &record.Run{Outcome: record.Broken, Error: "b.star:3:10: wire: no SYN,ACK came; on the wire: client: nothing; server: nothing \x1b[31m"}},
		{lab: &lab.Lab{Name: "c\x1b.star"}, err: errors.New("one\ntwo")},
	}
	for width, want := range map[int]string{
		80: `
STORY        OUTCOME   CONFIRMED  REFUTED  INAPPLICABLE  REMARKS
team/a.star  expected  1          0        1
team/networks/load-balancers.star
             surprise  0          1        0
    SURPRISE: line-2 is refuted
b.star       broken    0          0        0
    b.star:3:10: wire: no SYN,ACK came; on the wire: client: nothing; server:
    nothing \x1b[31m
c\x1b.star   not run   0          0        0             one; two
`,
	} {
		var b bytes.Buffer
		if err := table(&b, "STORY", results, width, false); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, "\n"+b.String()); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", width, diff)
		}
	}
}
