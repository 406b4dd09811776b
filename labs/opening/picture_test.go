package opening_test

import (
	"bytes"
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/opening"
	"github.com/tcplab/tcplab/labs/report"
)

// README's picture is what the lab shows.
func TestReadmePicture(t *testing.T) {
	t.Parallel()
	for _, l := range opening.Labs {
		if l.Name != "noaccept" {
			continue
		}
		r := labtest.Run(t, l, lab.Options{})
		r.Environment.Kernel = "6.18"
		var b bytes.Buffer
		if err := report.SVG(&b, r, report.Options{}); err != nil {
			t.Fatal(err)
		}
		labtest.Golden(t, "../../docs/noaccept.svg", b.String())
	}
}
