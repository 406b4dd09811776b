package main

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// pattern reads as a text that repeats, after a beginning.
type pattern struct {
	rest   io.Reader
	repeat []byte
}

func (p *pattern) Read(b []byte) (int, error) {
	n, err := p.rest.Read(b)
	if errors.Is(err, io.EOF) {
		p.rest, err = bytes.NewReader(p.repeat), nil
	}
	return n, err
}

// However much nonsense there is, it gets one line, and exit status 2.
func TestShowNonsense(t *testing.T) {
	const size = 10 << 20
	for name, test := range map[string]struct{ begin, repeat string }{
		"zeros":    {"", "\x00"},
		"brackets": {"", "["},
		"objects":  {"", `{"a":`},
		"a string": {`{"schema":"`, "a"},
		"a number": {`{"duration_us":`, "1"},
		"events":   {`{"schema":"tcplab.run/2","outcome":"expected","states":"stepped","events":[`, `{"t_us":1,"kind":"part","title":"x"},`},
		"lines":    {"", "{}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(binary, "show", "-")
			block := bytes.Repeat([]byte(test.repeat), 1<<16/len(test.repeat)+1)
			cmd.Stdin = io.LimitReader(&pattern{strings.NewReader(test.begin), block}, size)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) && err != nil && !strings.Contains(err.Error(), "broken pipe") {
				t.Fatal(err) // it may stop reading before the end
			}
			if status := cmd.ProcessState.ExitCode(); status != 2 {
				t.Errorf("exit status %d, want 2", status)
			}
			text := stderr.String()
			if !strings.HasPrefix(text, "tcplab: show: - ") || strings.Count(text, "\n") != 1 || len(text) > 300 || stdout.Len() > 0 {
				t.Errorf("stderr is %.500q, stdout %.500q", text, stdout.String())
			}
		})
	}
}
