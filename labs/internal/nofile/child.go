//go:build amd64 || arm64

package nofile

import "golang.org/x/sys/unix"

// Supported reports whether Accept can be called on this architecture.
const Supported = true

// acceptInChild makes a child, which sets its limit on descriptors, calls accept4 and
// leaves what that returns in result. It returns the child's process ID, or a negative
// errno. It is written in assembly because the child runs on the stack of its parent,
// and may leave no trace there.
//
//go:noescape
func acceptInChild(listener int, limit *unix.Rlimit, result *int64) (pid int64)
