package report

import (
	"cmp"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

var (
	//go:embed page/page.tmpl
	pageTemplate string
	//go:embed page/page.css
	pageStyle string
	//go:embed page/page.js
	pageScript string
)

// scriptHash names the page's script in its policy. A test holds it: worked out
// here, it would take package crypto, whose initialisation every start would pay.
const scriptHash = "sha256-S0zVCrSO0EzTK+ZvPx4gjaXv0MdURT4Y3kRbQUZ9pVQ="

// HTML writes the run as a page to step through: one file that asks for nothing
// else.
func HTML(w io.Writer, r *record.Run, o Options) error {
	o.ASCII = false // a page says that it is UTF-8
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return err
	}
	return t.Execute(w, newPage(r, o))
}

// A page is what the template shows. All text in it is the record's own, made
// safe by clean; the template escapes it.
type page struct {
	Run              *record.Run
	Command, Summary string
	Live             bool   // states are as they were seen just after
	Late             string // how the run was late, if it was
	Hosts            []string
	Times            bool
	Index            string // where the list of all labs is, if there is one
	Style            template.CSS
	Script           template.JS
	ScriptHash       string
	Wide, Narrow     template.HTML
	Plots            [2]template.HTML // wide and narrow, or none
	Machines         []machine
	Steps            []pageStep
	Last             int
	Claims           []pageClaim
	Calls            []pageCall
	Why              []string
	Try              []Try
}

type machine struct {
	pageEnd
	Picture template.HTML
}

// A pageStep is what the page's script knows of a step.
type pageStep struct {
	Says   string      `json:"says"`
	Asks   string      `json:"asks,omitempty"`
	Kind   Kind        `json:"kind"`
	Lost   bool        `json:"lost,omitempty"`
	Ends   []pageEnd   `json:"ends"`
	Fields [][2]string `json:"fields,omitempty"`
	Hex    string      `json:"hex,omitempty"`
}

type pageEnd struct {
	Host  string `json:"host"`
	State string `json:"state"`
	From  string `json:"from,omitempty"`
	About string `json:"about"` // the socket, and what its state does not say
	SS    string `json:"ss"`    // see End
	Rose  string `json:"rose"`
}

type pageClaim struct {
	Class, Mark, Headline, ID, Text, Seen, Reason, Instead, Source string
}

type pageCall struct {
	Step           int
	At, Host, Text string
}

func newPage(r *record.Run, o Options) *page {
	clean := newPrinter(nil, o)
	p := &page{
		Run: clean.run(r), Command: clean.clean(commandText(r)), Summary: clean.clean(summaryText(r)),
		Style: template.CSS(svgStyle + pageStyle), Script: template.JS(pageScript),
		ScriptHash: scriptHash,
		Live:       r.States == record.Live,
		Late:       clean.clean(lateText(r, o.Times)),
		Times:      o.Times,
		Index:      o.Index,
		Why:        o.Why, Try: o.Try,
		Steps: []pageStep{}, // no null for the script
		Wide:  inline(r, o, wideLayout), Narrow: inline(r, o, narrowLayout),
		Plots: [2]template.HTML{inlinePlots(r, o, wideLayout), inlinePlots(r, o, narrowLayout)},
	}
	for _, h := range r.Environment.Hosts {
		p.Hosts = append(p.Hosts, clean.clean(h.Name+": "+addresses(h)))
	}
	steps := Steps(r, o)
	for i, s := range steps {
		p.Steps = append(p.Steps, newPageStep(&clean, &s, o.Times))
		if s.Call != nil {
			at := ""
			if o.Times {
				at = stampText(s.At)
			}
			p.Calls = append(p.Calls, pageCall{i, at, clean.clean(s.Call.Host), clean.clean(callText(s.Call))})
		}
	}
	if len(steps) > 0 {
		p.Last = len(steps) - 1
		for _, e := range steps[p.Last].Ends {
			p.Machines = append(p.Machines, machine{newPageEnd(e), template.HTML(machineSVG(e))})
		}
	}
	for _, c := range r.Claims {
		p.Claims = append(p.Claims, newPageClaim(&clean, &c, o.Times))
	}
	return p
}

// inline is a ladder for the page.
func inline(r *record.Run, o Options, l layout) template.HTML {
	p := newPicture(r, o, l)
	p.ladder(r)
	return p.inline(r)
}

// inline is the ladder as a part of a page: a picture for each of its bands.
func (p *picture) inline(r *record.Run) template.HTML {
	var all strings.Builder
	for _, b := range p.bands {
		fmt.Fprintf(&all, `<svg viewBox="0 %g %g %g" role="img" aria-label="%s">%s</svg>`,
			b.top, p.span, b.bottom-b.top, p.escape(cmp.Or(b.title, r.Title)), b.body)
	}
	return template.HTML(all.String())
}

// inlinePlots are the plots for the page; "" where nothing is worth one.
func inlinePlots(r *record.Run, o Options, l layout) template.HTML {
	p := newPicture(r, o, l)
	p.y = -18
	p.plots(r)
	if p.body.Len() == 0 {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %g %g" role="img" aria-label="Sequence numbers over time">%s</svg>`, p.span, p.y+8, p.body.String()))
}

func newPageStep(p *printer, s *Step, times bool) pageStep {
	step := pageStep{Says: s.Says, Asks: s.Asks, Kind: s.Kind, Lost: s.Lost(), Ends: []pageEnd{}}
	for _, e := range s.Ends {
		step.Ends = append(step.Ends, newPageEnd(e))
	}
	if s.Segment != nil {
		for _, f := range segmentFields(s.Segment, times) {
			step.Fields = append(step.Fields, [2]string{f[0], p.clean(f[1])})
		}
		step.Hex = hex.Dump(s.Segment.Raw)
	}
	return step
}

// newPageEnd takes over an end of a step, which is safe to print.
func newPageEnd(e End) pageEnd {
	about := "no socket"
	if e.Socket != "" {
		about = e.Socket
	}
	if e.Detail != "" {
		about += ": " + e.Detail
	}
	return pageEnd{e.Host, e.State, e.From, about, e.SS, e.Rose}
}

// segmentFields are all that the record has of a segment, but its bytes.
func segmentFields(s *record.Segment, times bool) [][2]string {
	fields := [][2]string{
		{"from", endText(s.From, s.Src)},
		{"to", endText(s.To, s.Dst)},
		{"flags", s.Flags},
		{"seq", strconv.Itoa(int(s.Seq)) + " (relative)"},
		{"ack", strconv.Itoa(int(s.Ack)) + " (relative)"},
		{"on the wire", numbersText(s)},
		{"window", strconv.Itoa(int(s.Win)) + " (not scaled)"},
		{"data", strconv.Itoa(s.Len) + " bytes"},
		{"options", s.Options},
		{"fate", string(s.Fate)},
	}
	if s.Retransmission {
		fields = append(fields, [2]string{"sent again", "yes"})
	}
	if s.Cause != "" {
		fields = append(fields, [2]string{"cause", causeMeans[s.Cause]})
	}
	if s.Forged {
		forged := "yes: its sender never sent it"
		if s.Timestamp != "" {
			forged += "; " + timestampMeans[s.Timestamp]
		}
		fields = append(fields, [2]string{"forged", forged})
	}
	if times {
		fields = append(fields, [2]string{"sent at", stampText(s.SentAt) + " ms"})
	}
	return append(fields, [2]string{"packet", strconv.Itoa(s.ID)})
}

// endText is a host with the address that it has in a segment.
func endText(host string, a netip.AddrPort) string {
	if !a.IsValid() {
		return host
	}
	return host + ", " + a.String()
}

func newPageClaim(p *printer, c *record.Claim, times bool) pageClaim {
	mark, look := markOf(c)
	claim := pageClaim{
		Class: map[style]string{red: "bad", green: "good"}[look], Mark: mark, Headline: p.clean(headline(c)), ID: p.clean(c.ID),
		Text: p.clean(c.Text), Seen: p.clean(evidenceText(c, times)), Reason: p.clean(c.Reason), Source: p.clean(c.Source),
	}
	if c.Verdict == record.Refuted {
		claim.Instead = p.clean(c.Truth)
	}
	return claim
}
