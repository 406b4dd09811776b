// tcplab is a laboratory for TCP on Linux: see README.md.
package main

import (
	"os"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
