package netns_test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/need"
)

// The main goroutine starts on the main thread, which is the one whose
// namespace the whole process seems to be in: /proc/PID/ns/net.
func TestMain(m *testing.M) {
	before := mainNamespace()
	status := need.Main(m)
	if after := mainNamespace(); after != before {
		fmt.Printf("FAIL: the process is now in namespace %d, was in %d\n", after, before)
		status = 1
	}
	os.Exit(status)
}

func mainNamespace() uint64 {
	var s unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &s); err != nil {
		return 0
	}
	return s.Ino
}
