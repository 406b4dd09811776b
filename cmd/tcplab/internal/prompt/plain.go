package prompt

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/tcplab/tcplab/labs/record"
)

// maxLine bounds a line that is read; a story may not be longer.
const maxLine = 1 << 20

// A plain console is a file, a pipe, or a terminal that can't write a line anew.
type plain struct {
	out    io.Writer
	asking bool
	read   chan read
}

// A read is a line, or why there is none.
type read struct {
	text string
	err  error
}

func newPlain(in io.Reader, out io.Writer, asking bool) *plain {
	p := &plain{out: out, asking: asking, read: make(chan read)}
	go func() { // a read that nothing comes of can't be ended
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, maxLine)
		for lines.Scan() {
			p.read <- read{text: lines.Text()}
		}
		p.read <- read{err: cmp.Or(lines.Err(), io.EOF)}
	}()
	return p
}

func (p *plain) line(ctx context.Context, prompt string) (string, bool, error) {
	if p.asking {
		fmt.Fprint(p.out, prompt)
	}
	select {
	case r := <-p.read:
		return r.text, false, r.err
	case <-ctx.Done():
		return "", false, ctx.Err()
	}
}

func (p *plain) during(ctx context.Context) (context.Context, func()) { return ctx, func() {} }

func (p *plain) waits(record.Wait, bool) {}
