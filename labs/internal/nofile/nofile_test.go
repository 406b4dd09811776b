package nofile_test

import (
	"errors"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/nofile"
)

// listener listens on a Unix socket in a new folder. It is not waited for.
func listener(t *testing.T) (fd int, a unix.Sockaddr) {
	t.Helper()
	if !nofile.Supported {
		t.Skip("not on this architecture")
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	a = &unix.SockaddrUnix{Name: t.TempDir() + "/s"}
	if err := errors.Join(unix.Bind(fd, a), unix.Listen(fd, 1)); err != nil {
		t.Fatal(err)
	}
	return fd, a
}

func connect(t *testing.T, a unix.Sockaddr) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Connect(fd, a); err != nil {
		t.Fatal(err)
	}
	return fd
}

// accept fails, and takes no connection; the process keeps its limit and its
// descriptors.
func TestAccept(t *testing.T) {
	fd, a := listener(t)
	connect(t, a)
	var before, after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got, err := nofile.Accept(fd); err != unix.EMFILE || got != -1 {
			t.Fatalf("accept returns %d, %v; want EMFILE", got, err)
		}
	}
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &after); err != nil || before != after {
		t.Errorf("the limit is %+v, %v; it was %+v", after, err, before)
	}
	conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatalf("afterwards: %v", err)
	}
	unix.Close(conn)
	if _, err := nofile.Accept(-1); err != unix.EBADF {
		t.Errorf("of no descriptor: %v, want EBADF", err)
	}
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL, nil); err != unix.ECHILD {
		t.Errorf("a child is left: %v", err)
	}
}

// Others are not disturbed: while one thread accepts without descriptors, others
// open files, and what they close is closed at once.
func TestOthers(t *testing.T) {
	fd, a := listener(t)
	connect(t, a)
	done := make(chan struct{})
	var others sync.WaitGroup
	for range 2 {
		others.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				f, err := os.Open(os.DevNull)
				if err != nil {
					t.Errorf("open: %v", err)
					return
				}
				f.Close()
				var p [2]int
				if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
					t.Errorf("pipe: %v", err)
					return
				}
				unix.Close(p[1])
				if n, err := unix.Read(p[0], make([]byte, 1)); n != 0 || err != nil { // the end, unless somebody else has it
					t.Errorf("read from a pipe whose other end is closed: %d, %v", n, err)
				}
				unix.Close(p[0])
			}
		})
	}
	for range 500 {
		if _, err := nofile.Accept(fd); err != unix.EMFILE {
			t.Errorf("accept: %v, want EMFILE", err)
			break
		}
	}
	close(done)
	others.Wait()
}

func BenchmarkAccept(b *testing.B) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fd)
	for b.Loop() {
		_, _ = nofile.Accept(fd)
	}
}
