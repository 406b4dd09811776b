package sockopt

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// getsockopt hands buf to the kernel and returns the part of it that the
// kernel says it filled.
func getsockopt(fd int, o Spec, buf []byte) ([]byte, error) {
	n := uint32(len(buf))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(o.Level), uintptr(o.Number),
		uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(unsafe.Pointer(&n)), 0)
	runtime.KeepAlive(buf)
	if errno != 0 {
		return nil, os.NewSyscallError("getsockopt", errno)
	}
	// An option that needs more room says so with an error; none is known to
	// return a length beyond the buffer, and a slice must not depend on that.
	return buf[:min(int(n), len(buf))], nil
}

func setsockopt(fd int, o Spec, b []byte) error {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(o.Level), uintptr(o.Number),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0)
	runtime.KeepAlive(b)
	if errno != 0 {
		return os.NewSyscallError("setsockopt", errno)
	}
	return nil
}
