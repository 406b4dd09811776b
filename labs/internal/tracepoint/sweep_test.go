package tracepoint

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// Where a keeper was killed too, the next run removes what they have left.
func TestSweep(t *testing.T) {
	fs, err := Mount()
	if errors.Is(err, unix.EPERM) && os.Getenv("TCPLAB_REQUIRE_PRIV") != "1" {
		t.Skipf("needs root, to trace: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	gone := exec.Command("/bin/true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	dead := fmt.Sprintf("%s/%s%d-1", instances, ownPrefix, gone.Process.Pid)
	alive := fmt.Sprintf("%s/%s%d-sweep", instances, ownPrefix, os.Getpid())
	for _, dir := range []string{dead, alive} {
		if err := unix.Mkdirat(fs.fd, dir, 0o700); err != nil {
			t.Fatal(err)
		}
		defer fs.remove(dir)
	}
	if err := fs.sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Read(dead); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the instance of a process that is gone is left: %v", err)
	}
	if _, err := fs.Read(alive); err != nil {
		t.Errorf("the instance of a process that lives is gone: %v", err)
	}
}
