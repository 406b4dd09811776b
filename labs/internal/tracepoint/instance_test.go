package tracepoint

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/netns"
)

// mount is need.Tracing, which a test of the package itself can't import.
func mount(t *testing.T) *FS {
	t.Helper()
	fs, err := Mount()
	if errors.Is(err, unix.EPERM) && os.Getenv("TCPLAB_REQUIRE_PRIV") != "1" {
		t.Skipf("needs root, to trace: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fs.Close() })
	return fs
}

// Where a keeper was killed too, the next run removes what they have left.
func TestSweep(t *testing.T) {
	fs := mount(t)
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

// An account with gaps is an error, and not a shorter account.
func TestLost(t *testing.T) {
	fs := mount(t)
	netns.Do(func(thread *netns.Thread) {
		ns, err := thread.New()
		if err != nil {
			t.Error(err)
			return
		}
		defer ns.Close()
		f, err := fs.Format("sock:inet_sock_set_state")
		if err != nil {
			t.Error(err)
			return
		}
		tracer, err := fs.Open([]*Format{f}, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer tracer.Close()
		tracer.mu.Lock() // nobody empties the buffers
		for range 20000 {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err == nil {
				err = errors.Join(unix.Listen(fd, 1), unix.Close(fd))
			}
			if err != nil {
				t.Error(err)
				break
			}
		}
		tracer.mu.Unlock()
		for range 2 { // it stays so
			if samples, err := tracer.Read(); !errors.Is(err, errLost) {
				t.Errorf("%d samples, and the error is %v", len(samples), err)
			}
		}
	})
}
