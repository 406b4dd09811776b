// tcplab is a laboratory for TCP on Linux: see README.md.
package main

import (
	"os"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/cli"
	"github.com/tcplab/tcplab/labs/free"
)

func main() {
	if status, is := free.Main(); is { // a host's init: tcplab run has started it
		os.Exit(status)
	}
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
