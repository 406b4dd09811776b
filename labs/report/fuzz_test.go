package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

// Whatever is accepted as a record can be shown: see inspect.
func FuzzReports(f *testing.F) {
	for _, r := range []*record.Run{
		handshake(), fates(), selfLoop("client"), selfLoop("server"), wait(), surprise(), broken(), hostile(),
		causes(), counts(), otherNames(), threeHosts(), late(), kernelStory(),
		{Outcome: record.Expected, States: record.Stepped},
	} {
		var b bytes.Buffer
		if err := JSON(&b, r); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes(), 80, byte(1))
		f.Add(b.Bytes(), 120, byte(6))
	}
	f.Fuzz(func(t *testing.T, data []byte, width int, bits byte) {
		var r record.Run
		if json.Unmarshal(data, &r) != nil {
			return
		}
		o := Options{Width: width, Times: bits&1 != 0, Color: bits&2 != 0, ASCII: bits&4 != 0}
		var b bytes.Buffer
		if err := all(&b, &r, o); err != nil {
			t.Fatal(err)
		}
		inspect(t, b.String(), o)
		for _, s := range Steps(&r, o) {
			for _, text := range append([]string{s.Says}, s.Lines...) {
				if strings.ContainsFunc(sgr.ReplaceAllString(text, ""), func(r rune) bool { return !shown(r) }) {
					t.Errorf("a step has a character that is not to be shown: %q", text)
				}
			}
		}
		b.Reset()
		if err := SVG(&b, &r, o); err != nil {
			t.Fatal(err)
		}
		wellFormed(t, b.Bytes())
		b.Reset()
		if err := HTML(&b, &r, o); err != nil {
			t.Fatal(err)
		}
		ownScripts(t, b.String())
	})
}
