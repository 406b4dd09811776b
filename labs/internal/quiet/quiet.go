// Package quiet silences package log. Starlark's interpreter reserves 4 GB of
// addresses while it is initialised, and does without where they are not to be had
// (ulimit -v); but it logs so, on every command of a program that is linked with it.
// A package is initialised before those that come after it by name, unless it imports
// them (the Go specification, "Program initialization"): before go.starlark.net. tcplab
// itself logs nothing.
package quiet

import (
	"io"
	"log"
)

func init() { log.SetOutput(io.Discard) }
