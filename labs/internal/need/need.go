// Package need is for tests: it skips one where this machine does not allow
// what the test needs, and says which privilege that is.
//
// With TCPLAB_REQUIRE_PRIV=1 such a skip is a failure, so that a machine that
// is meant to run all the tests can't pass by running none of them.
package need

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/tracepoint"
	"github.com/tcplab/tcplab/labs/internal/tun"
)

// Namespace runs the rest of a test on a thread in a new network namespace.
func Namespace(t testing.TB, test func(*netns.Thread)) {
	t.Helper()
	var err error
	netns.Do(func(thread *netns.Thread) {
		var ns *netns.Namespace
		if ns, err = thread.New(); err != nil {
			return
		}
		defer ns.Close()
		test(thread)
	})
	missing(t, "CAP_SYS_ADMIN, to make a network namespace", err)
}

// TUN opens a TUN device in the calling thread's network namespace, and closes
// it at the end of the test.
func TUN(t testing.TB, name string) *tun.Device {
	t.Helper()
	d, err := tun.Open(name)
	missing(t, "leave to open "+tun.Path, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// Tracing mounts tracefs, for as long as the test lasts.
func Tracing(t testing.TB) *tracepoint.FS {
	t.Helper()
	fs, err := tracepoint.Mount()
	missing(t, "root, to trace", err)
	t.Cleanup(func() { _ = fs.Close() })
	return fs
}

// missing ends the test where err says that the privilege is not there, or
// anything else.
func missing(t testing.TB, privilege string, err error) {
	t.Helper()
	switch {
	case err == nil:
	case !lacking(err):
		t.Fatalf("needs %s: %v", privilege, err)
	default:
		skip(t, privilege, err)
	}
}

// skip ends the test, which lacks a privilege.
func skip(t testing.TB, privilege string, err error) {
	t.Helper()
	if os.Getenv("TCPLAB_REQUIRE_PRIV") == "1" {
		t.Fatalf("needs %s: %v", privilege, err)
	}
	t.Skipf("needs %s: %v", privilege, err)
}

// lacking tells a privilege or a device that is not there from a fault of ours.
func lacking(err error) bool {
	for _, errno := range []unix.Errno{unix.EPERM, unix.EACCES, unix.ENOSPC, unix.ENOENT, unix.ENODEV, unix.ENXIO} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
