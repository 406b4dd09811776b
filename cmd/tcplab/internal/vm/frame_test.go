package vm

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
)

func writer(t *testing.T, b *bytes.Buffer) *frameWriter {
	t.Helper()
	w, err := newFrameWriter(b)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestFrames(t *testing.T) {
	var b bytes.Buffer
	to := writer(t, &b)
	sent := map[kind][]byte{hello: []byte("{}"), stdout: bytes.Repeat([]byte{0, '\n', 0xff}, 100_000), bye: nil}
	for k, text := range sent {
		if err := to.send(k, text); err != nil {
			t.Fatal(err)
		}
	}
	in := newFrameReader(&b)
	for range sent {
		k, text, err := in.next()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, sent[k]) {
			t.Errorf("a frame of kind %c holds %d bytes, want %d", k, len(text), len(sent[k]))
		}
	}
	if _, _, err := in.next(); err != io.EOF {
		t.Errorf("after the last frame: %v, want EOF", err)
	}
}

// Whatever is lost or altered on the way, no frame comes that was not sent.
func TestFramesGarbled(t *testing.T) {
	var b bytes.Buffer
	if err := writer(t, &b).send(stdout, []byte("four")); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	for i := range whole {
		altered := slices.Clone(whole)
		altered[i] ^= 1
		k, text, err := newFrameReader(bytes.NewReader(altered)).next()
		same := err == nil && k == stdout && string(text) == "four" // a bit that says nothing of the text
		if !same && !errors.Is(err, errGarbled) && err != io.EOF {
			t.Errorf("byte %d altered: %c %q, %v", i, k, text, err)
		}
		if _, _, err := newFrameReader(bytes.NewReader(whole[:i])).next(); err != io.EOF {
			t.Errorf("%d bytes: %v, want EOF", i, err)
		}
	}
}

// What several goroutines send comes whole.
func TestFramesSideBySide(t *testing.T) {
	var b bytes.Buffer
	to := writer(t, &b)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 100 {
				_, _ = pipe{to, stdout}.Write(bytes.Repeat([]byte{byte(i)}, 1000))
			}
		})
	}
	all.Wait()
	in := newFrameReader(&b)
	for n := 0; ; n++ {
		_, text, err := in.next()
		if err == io.EOF && n == 800 {
			return
		}
		if err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
		if !bytes.Equal(text, bytes.Repeat(text[:1], 1000)) {
			t.Fatalf("frame %d is of several", n)
		}
	}
}
