package lab_test

import (
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
)

// One writev is one segment, though its pieces are two.
func TestWritev(t *testing.T) {
	t.Parallel()
	got, read := 0, ""
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		client.Writev("he", "llo")
		data := s.Wire.Next("client:data")
		got = data.Len
		data.Deliver()
		read = server.Read()
	})
	if r.Error != "" || got != 5 || read != "hello" {
		t.Errorf("a segment of %d bytes, %q read; %s", got, read, r.Error)
	}
}
