package tracepoint

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func formats(f *testing.F) []string {
	files, err := filepath.Glob(filepath.Join("testdata", "*.format"))
	if err != nil || files == nil {
		f.Fatal("no formats", err)
	}
	var texts []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// Any text is read as a format that can be used, or refused.
func FuzzFormat(f *testing.F) {
	for _, text := range formats(f) {
		f.Add(text)
	}
	f.Add("name: x\nID: 1\n\tfield:int reason;\toffset:8;\tsize:4;\tsigned:1;\nprint fmt: \"%s\", __print_symbolic(REC->reason, { 1, \"A\" }, { B, \"B\" }")
	f.Fuzz(func(t *testing.T, text string) {
		format, err := ParseFormat(text)
		if err != nil {
			return
		}
		size := 0
		for name, field := range format.Fields {
			if field.Offset < 0 || field.Size < 0 || field.Offset+field.Size > maxSample {
				t.Fatalf("%s is %+v", name, field)
			}
			size = max(size, field.Offset+field.Size)
		}
		if _, err := format.Decode(make([]byte, size)); err != nil {
			t.Errorf("a sample of the format's own size is refused: %v", err)
		}
	})
}

// Any data is a sample, or too short for one.
func FuzzSample(f *testing.F) {
	var all []*Format
	for _, text := range formats(f) {
		format, err := ParseFormat(text)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, format)
		f.Add(sampleOf(format, nil))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, format := range all {
			s, err := format.Decode(raw)
			if err == nil && s.Event != format.Name {
				t.Errorf("a %s is taken for a %s", format.Name, s.Event)
			}
		}
	})
}

// Whatever is in a page, reading it ends, and every event lies within it.
func FuzzPage(f *testing.F) {
	p := pageLayout(f)
	f.Add(pageOf(p, 1000, 0, entry(1, 5), 11, entry(longEntry, 5), 8, 11, entry(extendEntry, 1), 1)[:64])
	f.Add(pageOf(p, 1000, 0, entry(absoluteEntry, 5), 11, entry(paddingEntry, 5), 4, entry(paddingEntry, 0))[:64])
	f.Fuzz(func(t *testing.T, page []byte) {
		page = append(page, make([]byte, max(0, p.size()-len(page)))...)
		total := 0
		err := p.events(page, func(_ time.Duration, raw []byte) error {
			total += len(raw) + 4
			return nil
		})
		if total > p.data.Size {
			t.Errorf("events of %d bytes: %v", total, err)
		}
	})
}
