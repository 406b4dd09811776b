package sockopt

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// getsockopt offers buf to the kernel as optlen bytes, and returns how many of
// them the kernel says it filled.
func getsockopt(fd int, o Spec, buf []byte, optlen int) (int, error) {
	n := uint32(optlen)
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(o.Level), uintptr(o.Number),
		uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(unsafe.Pointer(&n)), 0)
	runtime.KeepAlive(buf)
	if errno != 0 {
		return 0, os.NewSyscallError("getsockopt", errno)
	}
	// No option is known to return a length beyond the buffer together with
	// success; a slice must not depend on that.
	return min(int(n), len(buf)), nil
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
