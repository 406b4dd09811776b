package step

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// Whatever is accepted as a record can be gone through: see wrong.
func FuzzView(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no record in testdata")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(80), uint8(24), byte(0))
		f.Add(data, uint8(120), uint8(50), byte(3))
	}
	var evil bytes.Buffer
	if err := report.JSON(&evil, hostile()); err != nil {
		f.Fatal(err)
	}
	f.Add(evil.Bytes(), uint8(100), uint8(40), byte(1))
	f.Fuzz(func(t *testing.T, data []byte, width, height uint8, bits byte) {
		var r record.Run
		if json.Unmarshal(data, &r) != nil {
			return
		}
		v := newView(&r, report.Options{Times: bits&1 != 0, Color: bits&2 != 0, ASCII: bits&4 != 0})
		v.resize(int(width), int(height))
		for _, key := range []string{"g", "l", "n", "d", "v", "down", "G", "p", "?"} {
			v.press(key)
			if bad := wrong(v); bad != "" {
				t.Fatalf("after %s: %s", key, bad)
			}
		}
	})
}
