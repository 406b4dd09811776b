module github.com/tcplab/tcplab

go 1.25.0

require (
	github.com/gopacket/gopacket v1.7.7
	github.com/vishvananda/netlink v1.3.1
	golang.org/x/sys v0.46.0
)

require github.com/vishvananda/netns v0.0.5 // indirect
