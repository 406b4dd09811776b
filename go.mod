module github.com/tcplab/tcplab

go 1.25.0

require golang.org/x/sys v0.40.0
