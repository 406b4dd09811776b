package report

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

// Whatever is accepted as a record can be shown: see inspect.
func FuzzReports(f *testing.F) {
	for _, r := range []*record.Run{
		handshake(), fates(), selfLoop("client"), selfLoop("server"), wait(), surprise(), broken(), hostile(),
		{Outcome: record.Expected},
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
	})
}
