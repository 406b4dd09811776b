package record_test

import (
	"encoding/json"
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

// What is accepted as a record is written, read and written again the same.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(fullJSON))
	f.Add([]byte(write(f, &record.Run{Outcome: record.Expected, States: record.Stepped})))
	f.Add([]byte(`{"schema":"tcplab.run/2","outcome":"broken","states":"live","events":null,"claims":[{"verdict":"broken","evidence":null}]}`))
	f.Add([]byte(`{"schema":"tcplab.run/2","outcome":"expected","states":"stepped","events":[{"t_us":9223372036854775807,"kind":"segment","fate":"held","raw":null}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second record.Run
		if json.Unmarshal(data, &first) != nil {
			return
		}
		text := write(t, &first)
		if err := json.Unmarshal([]byte(text), &second); err != nil {
			t.Fatalf("what was written is refused: %v\n%s", err, text)
		}
		if again := write(t, &second); again != text {
			t.Errorf("written first:\n%swritten then:\n%s", text, again)
		}
	})
}
