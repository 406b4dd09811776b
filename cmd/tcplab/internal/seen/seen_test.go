package seen

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/record"
)

func run(lab string, ipv6 bool, claims ...record.Claim) *record.Run {
	r := &record.Run{Lab: lab, Claims: claims}
	r.Environment.IPv6 = ipv6
	return r
}

// A table has a row for each claim and each way in which its lab was run, a letter for
// each kernel, and of the evidence what is not the same everywhere.
func TestOf(t *testing.T) {
	syns := func(n int64) record.Evidence {
		return record.Evidence{{Name: "syns", Value: n}, {Name: "sent_ms", Value: n * 1000}, {Name: "client", Value: "CLOSE"}}
	}
	got := Of([]Runs{
		{"6.12.117", []*record.Run{
			run("lostsyn", false, record.Claim{ID: "gives-up", Verdict: record.Confirmed, Evidence: syns(11)}, record.Claim{ID: "new", Verdict: record.Refuted, Surprise: true}),
			run("lostsyn", true, record.Claim{ID: "gives-up", Verdict: record.Confirmed, Evidence: syns(11)}),
		}},
		{"5.10.262", []*record.Run{
			run("lostsyn", false, record.Claim{ID: "gives-up", Verdict: record.Confirmed, Evidence: syns(7)}, record.Claim{ID: "new", Verdict: record.Inapplicable}),
		}},
	})
	want := &Table{
		Kernels: []string{"5.10.262", "6.12.117"},
		Rows: []Row{
			{Run: "lostsyn", Claim: "gives-up", Verdicts: "cc", Differs: map[string][]string{"syns": {"7", "11"}}},
			{Run: "lostsyn", Claim: "new", Verdicts: "iR"},
			{Run: "lostsyn --ipv6", Claim: "gives-up", Verdicts: "-c"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if v, surprise := got.Rows[1].Verdict(1); v != record.Refuted || !surprise {
		t.Errorf("verdict %q, surprise %v", v, surprise)
	}
	if v, surprise := got.Rows[2].Verdict(0); v != "" || surprise {
		t.Errorf("verdict %q, surprise %v of no run", v, surprise)
	}

	var b bytes.Buffer
	if err := got.JSON(&b); err != nil {
		t.Fatal(err)
	}
	var again Table
	if err := json.Unmarshal(b.Bytes(), &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &again); diff != "" {
		t.Errorf("from JSON (-want +got)\n%s", diff)
	}
}

// What is kept is whole, and no lab was surprised or broke: that would be a defect of its
// text, or of the lab.
func TestKept(t *testing.T) {
	kept, err := Kept()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range kept.Rows {
		for i, k := range kept.Kernels {
			if v, surprise := r.Verdict(i); surprise || v == record.VerdictBroken {
				t.Errorf("%s %s on Linux %s: %s, surprise %v", r.Run, r.Claim, k, v, surprise)
			}
		}
	}
}
