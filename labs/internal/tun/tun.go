// Package tun opens TUN devices: network interfaces whose packets a program
// reads and writes.
package tun

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Path is where TUN devices are made.
const Path = "/dev/net/tun"

// A Device is one end of a network interface: what its host sends is read from
// it, what is written to it its host receives. Writing runs the host's
// receiving stack to completion before it returns (tun_get_user calls
// netif_receive_skb itself), so that whatever the host answers at once can then
// be read.
type Device struct {
	fd int
}

// Open makes the interface name in the calling thread's network namespace. It
// outlives the descriptor and goes with the namespace: closing a device that
// does not waits for an RCU grace period, some 70 ms.
func Open(name string) (*Device, error) { return open(name, unix.IFF_TUN|unix.IFF_NO_PI) }

// HeaderSize is the length of what stands before each packet of a device that is made
// by OpenOffload, when it is read and when it is written: struct virtio_net_hdr
// (include/uapi/linux/virtio_net.h). Of a packet that nobody has sent it is all zeros.
const HeaderSize = 10

// Partial reports whether the packet behind a header has no TCP checksum yet.
func Partial(header []byte) bool {
	const needsChecksum = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
	return header[0]&needsChecksum != 0
}

// OpenOffload is Open for a device that takes from its host what a network card with
// TSO does: bursts of segments as one packet, and checksums that are still to be made.
// Another device that is made like it can be given them as they are.
func OpenOffload(name string) (*Device, error) {
	d, err := open(name, unix.IFF_TUN|unix.IFF_NO_PI|unix.IFF_VNET_HDR)
	if err != nil {
		return nil, err
	}
	const offloads = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6
	if err := unix.IoctlSetInt(d.fd, unix.TUNSETOFFLOAD, offloads); err != nil {
		unix.Close(d.fd)
		return nil, fmt.Errorf("%s: %w", Path, os.NewSyscallError("ioctl TUNSETOFFLOAD", err))
	}
	return d, nil
}

func open(name string, flags uint16) (*Device, error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return nil, fmt.Errorf("interface name %q: %w", name, err)
	}
	fd, err := unix.Open(Path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Path, os.NewSyscallError("open", err))
	}
	ifr.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("%s: %w", Path, os.NewSyscallError("ioctl TUNSETIFF", err))
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("%s: %w", Path, os.NewSyscallError("ioctl TUNSETPERSIST", err))
	}
	return &Device{fd: fd}, nil
}

// FD returns the descriptor, for poll.
func (d *Device) FD() int { return d.fd }

// Read reads the next packet that the host has sent, from its IP header on (but see
// HeaderSize). It returns 0 where there is none.
func (d *Device) Read(b []byte) (int, error) {
	n, errno := d.call(unix.SYS_READ, b)
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN:
		return 0, nil
	}
	return 0, os.NewSyscallError("read", errno)
}

// Write lets the host receive one packet, from its IP header on (but see HeaderSize).
func (d *Device) Write(b []byte) error {
	if _, errno := d.call(unix.SYS_WRITE, b); errno != 0 {
		return os.NewSyscallError("write", errno)
	}
	return nil
}

// call is read(2) or write(2). Neither waits, so Go's scheduler need not know of it: to
// tell it takes a tenth of what a wire takes to carry much data.
func (d *Device) call(trap uintptr, b []byte) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall(trap, uintptr(d.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// Close closes the descriptor. The interface stays until its namespace goes.
func (d *Device) Close() error { return unix.Close(d.fd) }
