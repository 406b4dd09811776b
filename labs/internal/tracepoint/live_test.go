package tracepoint_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/tracepoint"
)

// traceAndWait makes the test's program one that traces until it is killed.
const traceAndWait = "TCPLAB_TEST_TRACE_AND_WAIT"

func TestMain(m *testing.M) {
	if os.Getenv(traceAndWait) == "" {
		os.Exit(need.Main(m))
	}
	runtime.LockOSThread()
	fs, err := tracepoint.Mount()
	if err == nil {
		_, err = open(fs)
	}
	fmt.Println(err)
	select {}
}

// open records changes of state.
func open(fs *tracepoint.FS) (*tracepoint.Tracer, error) {
	f, err := fs.Format("sock:inet_sock_set_state")
	if err != nil {
		return nil, err
	}
	return fs.Open([]*tracepoint.Format{f}, []*tracepoint.Format{f})
}

// instancesOf returns the tracing instances of a process.
func instancesOf(t *testing.T, fs *tracepoint.FS, pid int) []string {
	t.Helper()
	names, err := fs.Read("instances")
	if err != nil {
		t.Fatal(err)
	}
	var own []string
	for name := range strings.Lines(names) {
		if strings.HasPrefix(name, fmt.Sprintf("tcplab-%d-", pid)) {
			own = append(own, strings.TrimSpace(name))
		}
	}
	return own
}

// listen makes a socket listen, and close.
func listen(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Listen(fd, 1), unix.Close(fd)); err != nil {
		t.Fatal(err)
	}
}

// A thread's own doings are recorded, at the time at which they happen, and those
// of another are not.
func TestTracer(t *testing.T) {
	fs := need.Tracing(t)
	need.Namespace(t, func(*netns.Thread) { testTracer(t, fs) })
}

func testTracer(t *testing.T, fs *tracepoint.FS) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := open(fs)
	if err != nil {
		t.Fatal(err)
	}
	if own := instancesOf(t, fs, os.Getpid()); len(own) != 1 {
		t.Errorf("instances are %v", own)
	}
	before := monotonic(t)
	listen(t)
	need.Namespace(t, func(*netns.Thread) { listen(t) }) // on another thread
	samples, err := tracer.Read()
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, s := range samples {
		if s.Interrupt {
			continue // of somebody else on this machine
		}
		seen = append(seen, s.From+" "+s.To)
		if s.Time < before || s.Time > monotonic(t) {
			t.Errorf("%+v is not between %v and now", s, before)
		}
	}
	if got := strings.Join(seen, ", "); got != "CLOSE LISTEN, LISTEN CLOSE" {
		t.Errorf("changes are %q", got)
	}
	tracer.Close()
	if own := instancesOf(t, fs, os.Getpid()); own != nil {
		t.Errorf("instances are left: %v", own)
	}
	if now, err := os.ReadFile("/proc/self/mountinfo"); err != nil || string(now) != string(mounts) {
		t.Errorf("mounts were:\n%sand are:\n%s%v", mounts, now, err)
	}
}

func monotonic(t *testing.T) time.Duration {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}

// A process that is killed leaves no instance, and so no event that is enabled.
func TestKilled(t *testing.T) {
	fs := need.Tracing(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), traceAndWait+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	own := instancesOf(t, fs, cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if err != nil || line != "<nil>\n" || len(own) != 1 {
		t.Fatalf("the process says %q (%v), and has the instances %v", line, err, own)
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(10 * time.Second); instancesOf(t, fs, cmd.Process.Pid) != nil; <-ticker.C {
		if time.Now().After(end) {
			t.Fatalf("instances are left: %v", instancesOf(t, fs, cmd.Process.Pid))
		}
	}
}

func TestUnknown(t *testing.T) {
	fs := need.Tracing(t)
	if _, err := fs.Format("tcp:tcp_no_such_event"); !errors.Is(err, tracepoint.ErrUnknown) {
		t.Errorf("error is %v", err)
	}
}
