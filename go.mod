module github.com/tcplab/tcplab

go 1.25.0

require (
	github.com/google/go-cmp v0.7.0
	golang.org/x/sys v0.40.0
)
