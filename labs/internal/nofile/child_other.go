//go:build !amd64 && !arm64

package nofile

import "golang.org/x/sys/unix"

// Supported reports whether Accept can be called on this architecture.
const Supported = false

func acceptInChild(int, *unix.Rlimit, *int64) (pid int64) { return -int64(unix.ENOSYS) }
