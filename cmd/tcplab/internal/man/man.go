// Package man holds tcplab's man pages, which `make docs` generates.
package man

import "embed"

// Pages are the pages, by file names: "tcplab-noaccept.1".
//
//go:embed *.1
var Pages embed.FS
