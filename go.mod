module github.com/tcplab/tcplab

go 1.25.0
