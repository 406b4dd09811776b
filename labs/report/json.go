// Package report makes what people read out of a record. It asks the kernel
// nothing: a record that was saved and read again gives the same output.
package report

import (
	"encoding/json"
	"io"

	"github.com/tcplab/tcplab/labs/record"
)

// JSON writes a record as one line of JSON, described in docs/json.md.
func JSON(w io.Writer, r *record.Run) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}
