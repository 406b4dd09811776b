package report

import (
	"bufio"
	"encoding/json"
	"io"

	"github.com/tcplab/tcplab/labs/record"
)

// CompareSchema names the JSON form of a Comparison: see docs/json.md.
const CompareSchema = "tcplab.compare/1"

type jsonComparison struct {
	Schema  string       `json:"schema"`
	Differs bool         `json:"differs"`
	Columns []jsonColumn `json:"columns"`
	Rows    []jsonRow    `json:"rows"`
}

type jsonColumn struct {
	Name string `json:"name"`
}

type jsonRow struct {
	Lab      string              `json:"lab"`
	Setting  []string            `json:"setting"`
	Outcomes []record.Outcome    `json:"outcomes"`
	Claims   []jsonClaim         `json:"claims"`
	Sysctls  map[string][]string `json:"sysctls"`
	Ladders  []int               `json:"ladders"`
	Parts    []jsonParting       `json:"parts"`
}

type jsonClaim struct {
	ID       string            `json:"id"`
	Text     string            `json:"text"`
	Differ   string            `json:"differ"`
	Verdicts []record.Verdict  `json:"verdicts"`
	Evidence []record.Evidence `json:"evidence"`
}

// A jsonParting is two ladders, of the columns A and B, and where they part.
type jsonParting struct {
	A         int           `json:"a"`
	B         int           `json:"b"`
	Stretches []jsonStretch `json:"stretches"`
}

// A jsonStretch is events of A and of B, and whether they are the same.
type jsonStretch struct {
	Same bool       `json:"same"`
	A    jsonEvents `json:"a"`
	B    jsonEvents `json:"b"`
}

// jsonEvents are events of a run: the places of the first and of the one after the
// last, and where the runs differ the events themselves.
type jsonEvents struct {
	From   int            `json:"from"`
	To     int            `json:"to"`
	Events []record.Event `json:"events,omitempty"`
}

var differNames = map[record.Difference]string{
	record.Same: "", record.SeenOtherwise: "seen", record.JudgedOtherwise: "judged",
}

// JSON writes the comparison as one line. It has the parts of all ladders that differ.
func (c *Comparison) JSON(w io.Writer) error {
	j := jsonComparison{Schema: CompareSchema, Differs: c.Differs(), Columns: []jsonColumn{}, Rows: []jsonRow{}}
	for _, column := range c.Columns {
		j.Columns = append(j.Columns, jsonColumn{column.Name})
	}
	for i := range c.Rows {
		j.Rows = append(j.Rows, c.jsonRow(i))
	}
	for _, p := range c.partings() {
		row := &j.Rows[p.row]
		row.Parts = append(row.Parts, jsonPart(c.Rows[p.row].Runs[p.a], c.Rows[p.row].Runs[p.b], p))
	}
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(j); err != nil {
		return err
	}
	return out.Flush()
}

func (c *Comparison) jsonRow(i int) jsonRow {
	row := &c.Rows[i]
	j := jsonRow{
		Lab: row.Lab, Setting: append([]string{}, row.Setting...), Claims: []jsonClaim{}, Ladders: c.kinds[i],
		Sysctls: map[string][]string{}, Parts: []jsonParting{},
	}
	for _, r := range row.Runs {
		outcome := record.Outcome("")
		if r != nil {
			outcome = r.Outcome
		}
		j.Outcomes = append(j.Outcomes, outcome)
	}
	for _, s := range differingSysctls(row) {
		j.Sysctls[s.host+":"+s.key] = s.values
	}
	for k := range row.Claims {
		claim := &row.Claims[k]
		one := jsonClaim{ID: claim.ID, Text: textOf(claim), Differ: differNames[claim.Differ]}
		for _, cl := range claim.Claims {
			verdict, evidence := record.Verdict(""), record.Evidence{}
			if cl != nil {
				verdict, evidence = cl.Verdict, cl.Evidence
			}
			one.Verdicts, one.Evidence = append(one.Verdicts, verdict), append(one.Evidence, evidence)
		}
		j.Claims = append(j.Claims, one)
	}
	return j
}

// jsonPart says of two ladders which of their events are the same.
func jsonPart(a, b *record.Run, p parting) jsonParting {
	versions := versionsOf([]*record.Run{a, b})
	j := jsonParting{A: p.a, B: p.b, Stretches: []jsonStretch{}}
	for _, s := range stretches(&versions[0], &versions[1]) {
		one := jsonStretch{Same: s.same, A: versions[0].events(s.fromA, s.toA), B: versions[1].events(s.fromB, s.toB)}
		if !s.same {
			one.A.Events, one.B.Events = a.Events[one.A.From:one.A.To], b.Events[one.B.From:one.B.To]
		}
		j.Stretches = append(j.Stretches, one)
	}
	return j
}

// events are the events that rows were made of: from the first row's own to the next
// row's.
func (v *version) events(from, to int) jsonEvents {
	at := func(row int) int {
		switch {
		case row == 0:
			return 0 // also what made no row
		case row < len(v.rows):
			return v.rows[row].event
		}
		return len(v.run.Events)
	}
	return jsonEvents{From: at(from), To: at(to)}
}
