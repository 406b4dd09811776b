package need

import (
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Seccomp skips the test where a thread may have no filter of system calls.
func Seccomp(t testing.TB) {
	t.Helper()
	tried := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: it has the filter
		tried <- FailFromNowOn(unix.SYS_ACCT, unix.ENOSYS)
	}()
	if err := <-tried; err != nil {
		skip(t, "seccomp filters", err)
	}
}

// An Arg is a system call's argument, from 0, and its value.
type Arg struct {
	N     int
	Value uint32
}

// FailFromNowOn makes a system call fail for the calling thread, for as long as it
// lives: seccomp(2). With args only that call fails which has all of these. The
// thread must be locked, and end.
func FailFromNowOn(number uintptr, errno unix.Errno, args ...Arg) error {
	const retErrno, retAllow = 0x00050000, 0x7fff0000 // SECCOMP_RET_*
	is := append([]Arg{{Value: uint32(number)}}, args...)
	var filter []unix.SockFilter
	for i, a := range is {
		at := uint32(0) // seccomp_data.nr
		if i > 0 {
			at = lowHalf(16 + 8*a.N) // seccomp_data.args
		}
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: a.Value, Jf: uint8(2*(len(is)-i) - 1)})
	}
	filter = append(filter,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: retErrno | uint32(errno)},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: retAllow})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_SET_NO_NEW_PRIVS", err)
	}
	_, _, failed := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	if failed != 0 {
		return os.NewSyscallError("prctl PR_SET_SECCOMP", failed)
	}
	return nil
}

// lowHalf is where the lower 32 bits of a number of 64 at an offset are.
func lowHalf(at int) uint32 {
	if one := uint16(1); *(*byte)(unsafe.Pointer(&one)) == 0 { // big endian
		at += 4
	}
	return uint32(at)
}
