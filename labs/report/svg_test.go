package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

// everyRun are the stories of the tests: whatever a record can hold.
func everyRun() map[string]*record.Run {
	return map[string]*record.Run{
		"handshake": handshake(), "fates": fates(), "icmp": icmp(), "listener": listener(), "self-loop": selfLoop("client"),
		"self-loop-of-two": selfLoop("client", "server"), "self-loop-of-server": selfLoop("server"),
		"two-connections": twoConnections(), "repetition": repetition15(), "wait": wait(), "surprise": surprise(),
		"broken": broken(), "inapplicable": inapplicable(), "hostile": hostile(), "empty": {},
		"causes": causes(), "counts": counts(), "other-names": otherNames(), "three-hosts": threeHosts(), "late": late(),
		"kernel": kernelStory(), "transfer": transfer(),
	}
}

func TestSVG(t *testing.T) {
	for name, run := range everyRun() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := SVG(&b, run, with); err != nil {
				t.Fatal(err)
			}
			wellFormed(t, b.Bytes())
			switch name {
			case "handshake", "fates", "self-loop", "hostile", "counts", "transfer":
				golden(t, name+".svg", b.Bytes())
			}
		})
	}
}

// wellFormed checks that a picture is XML, draws what it names, and runs nothing.
func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	d.Strict = true
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "svg", "style", "rect", "g", "line", "text", "path", "circle":
		default:
			t.Errorf("an element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
				t.Errorf("<%s %s=%q>", e.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
}

// A picture has an arrow for each segment that arrives, and a cross for each
// that is lost.
func TestSVGArrows(t *testing.T) {
	var arrive, lost int
	run := fates()
	for _, e := range run.Events {
		if s, ok := e.Body.(*record.Segment); ok {
			switch s.Fate {
			case record.Delivered, record.Injected:
				arrive++
			case record.Dropped:
				lost++
			}
		}
	}
	var b bytes.Buffer
	if err := SVG(&b, run, with); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), `class="tip"`); n != arrive {
		t.Errorf("%d arrows have a head, want %d", n, arrive)
	}
	if n := strings.Count(b.String(), `class="cross"`); n != lost {
		t.Errorf("%d crosses, want %d", n, lost)
	}
}

// Texts do not reach beyond the picture.
func TestSVGFits(t *testing.T) {
	text := regexp.MustCompile(`<text x="([\d.e+]+)" y="[\d.e+]+"(?: text-anchor="(\w+)")? class="(\w+)">([^<]*)</text>`)
	for name, run := range everyRun() {
		for _, l := range []layout{wideLayout, narrowLayout} {
			p := newPicture(run, with, l)
			p.ladder(run)
			texts := text.FindAllStringSubmatch(p.bodies(), -1)
			if len(texts) == 0 && len(run.Events) > 0 {
				t.Errorf("%s: no text was found", name)
			}
			for _, m := range texts {
				var x float64
				if _, err := fmt.Sscan(m[1], &x); err != nil {
					t.Fatal(err)
				}
				wide := float64(length(unescape(m[4]))) * em
				left := map[string]float64{"": x, "start": x, "middle": x - wide/2, "end": x - wide}[m[2]]
				if left < -1 || left+wide > p.span+1 {
					t.Errorf("%s: %q goes from %g to %g, and the picture is %g wide", name, m[4], left, left+wide, p.span)
				}
			}
		}
	}
}

// On a page a ladder is several pictures, one below the other, so that a printer can begin
// a new sheet between them.
func TestSVGBands(t *testing.T) {
	for name, run := range everyRun() {
		p := newPicture(run, with, wideLayout)
		p.ladder(run)
		at := 0.0
		for i, b := range p.bands {
			if b.top != at || b.bottom < b.top {
				t.Errorf("%s: picture %d goes from %g to %g, and the one before it to %g", name, i, b.top, b.bottom, at)
			}
			if b.bottom-b.top > 3*tall {
				t.Errorf("%s: picture %d is %g high", name, i, b.bottom-b.top)
			}
			at = b.bottom
		}
		if at != p.y {
			t.Errorf("%s: the last picture goes to %g, and the ladder to %g", name, at, p.y)
		}
		if name == "transfer" && len(p.bands) < 3 {
			t.Errorf("%s: %d pictures", name, len(p.bands))
		}
	}
}

func unescape(text string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&amp;", "&").Replace(text)
}
