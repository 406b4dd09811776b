package cli

import "testing"

// Help fits a terminal: paragraphs and what stands beside a name are filled anew, an
// example stays as it can be copied, and what fits stays as it is written.
func TestFit(t *testing.T) {
	const text = `A paragraph whose lines
are too long for a terminal as narrow as this.

One that fits
is left.

Examples:
  tcplab run --rule 'drop client:SYN#1' -- curl http://server/

Flags:
      --fold int       tell so many segments that
                       are nothing but data (default 20)
  -h, --help           help
`
	const want = `A paragraph whose lines are too long for a
terminal as narrow as this.

One that fits
is left.

Examples:
  tcplab run --rule 'drop client:SYN#1' -- curl http://server/

Flags:
      --fold int       tell so many
                       segments that are
                       nothing but data
                       (default 20)
  -h, --help           help
`
	if got := fit(text, 43); got != want {
		t.Errorf("%s\nnot\n%s", got, want)
	}
	if got := fit(text, 100); got != text {
		t.Errorf("%s\nis not left as it is", got)
	}
	const list = "  fastretransmit Three duplicate ACKs tell that a segment is lost\n"
	if got, want := fit("  nagle          A second\n"+list, 45), "  nagle          A second\n  fastretransmit Three duplicate ACKs tell\n                 that a segment is lost\n"; got != want {
		t.Errorf("%s\nnot\n%s", got, want)
	}
}
