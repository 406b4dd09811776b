// Package report makes what people read out of a record. It asks the kernel
// nothing: a record that was saved and read again gives the same output.
package report

import (
	"io"

	"github.com/tcplab/tcplab/labs/record"
)

// JSON writes a record as one line of JSON, described in docs/json.md.
func JSON(w io.Writer, r *record.Run) error { return r.WriteJSON(w) }
