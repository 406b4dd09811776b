package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/vm"
)

// givenKernel names kernels to boot: an image, a Debian package or a folder of these.
// Without, the machine's own in /boot are taken.
const givenKernel = "TCPLAB_KERNEL"

// kernels are those that tests may boot. It skips the test where there are none, or no
// emulator: neither is a privilege, so that is so with TCPLAB_REQUIRE_PRIV too.
func kernels(t *testing.T) []vm.Kernel {
	t.Helper()
	if testing.Short() {
		t.Skip("short")
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skip("needs qemu-system-x86_64, of the package qemu-system-x86")
	}
	where := os.Getenv(givenKernel)
	if where == "" {
		where = "/boot"
	}
	found, err := findKernels(where)
	if err != nil && os.Getenv(givenKernel) != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("needs a kernel to boot, in /boot or named by %s: %v", givenKernel, err)
	}
	return found
}

// findKernels reads them once for all tests.
func findKernels(where string) ([]vm.Kernel, error) {
	kernelsOnce.Do(func() { kernelsFound, kernelsErr = vm.Find(where, "") })
	return kernelsFound, kernelsErr
}

var (
	kernelsOnce  sync.Once
	kernelsFound []vm.Kernel
	kernelsErr   error
)

// With another kernel commands of every kind do as they do on this machine: they print,
// read files and stdin, write files, trace, wait for an hour, and refuse.
func TestVM(t *testing.T) {
	t.Parallel()
	k := kernels(t)[0]
	dir := t.TempDir()
	const story = "listener = server.listen(80)\nc = client.connect(listener)\nwire.handshake(c)\nexpect(c.state, ESTABLISHED)\n"
	job := vm.Job{
		Dir: dir, Folders: []string{dir}, Stdin: []byte(story), Files: map[string][]byte{filepath.Join(dir, "s.star"): []byte(story)},
		Env: []string{"COLUMNS=80", "LANG=C.UTF-8"},
	}
	var stdout, stderr bytes.Buffer
	files := map[string][]byte{}
	ended := 0
	steps := []struct {
		args   []string
		status int
		stdout string // in it
		stderr string
	}{
		{[]string{"version"}, 0, "tcplab ", ""},
		{[]string{"noaccept", "--html", "page.html"}, 0, "noaccept on Linux " + k.Release, ""},
		{[]string{"noaccept", "--ipv6", "--trace", "--quiet"}, 0, "no surprise", ""},
		{[]string{"play", "s.star", "--quiet"}, 0, "no surprise", ""},
		{[]string{"play", "-", "--json"}, 0, `"kernel":"` + k.Release + `"`, ""},
		{[]string{"lostfin", "--retries", "5", "--quiet"}, 0, "no surprise", ""},
		{[]string{"handshake", "--sysctl", "net.ipv4.tcp_nothing=1"}, 2, "", "tcplab: "},
	}
	for _, s := range steps {
		job.Commands = append(job.Commands, s.args)
	}
	out := vm.Output{
		Stdout: &stdout, Stderr: &stderr,
		File: func(name string, body []byte) error {
			files[name] = body
			return nil
		},
		Exit: func(status int) error {
			s := steps[ended]
			ended++
			if status != s.status || !strings.Contains(stdout.String(), s.stdout) || !strings.Contains(stderr.String(), s.stderr) || s.stderr == "" && stderr.Len() > 0 {
				t.Errorf("tcplab %s: status %d, want %d, with %q and %q\n%s%s", strings.Join(s.args, " "), status, s.status, s.stdout, s.stderr, &stdout, &stderr)
			}
			stdout.Reset()
			stderr.Reset()
			return nil
		},
	}
	if _, err := vm.Run(t.Context(), vm.Config{Shift: vm.Shift, Binary: binary}, k, job, out); err != nil {
		t.Fatal(err)
	}
	if ended != len(steps) {
		t.Errorf("%d commands have ended, want %d", ended, len(steps))
	}
	page := files[filepath.Join(dir, "page.html")]
	if !bytes.Contains(bytes.ToLower(page), []byte("<!doctype html>")) || len(files) != 1 {
		t.Errorf("the page has %d bytes, of %d files", len(page), len(files))
	}
}

var vmMoments = flag.Int("vmmoments", 4, "moments at which TestVMKilled ends tcplab")

// Whenever tcplab is killed, the emulator ends with it, and no file is left.
func TestVMKilled(t *testing.T) {
	t.Parallel()
	k := kernels(t)[0]
	image := filepath.Join(t.TempDir(), "vmlinuz")
	if err := os.WriteFile(image, k.Image, 0o600); err != nil {
		t.Fatal(err)
	}
	const spread = 5 * time.Second // some more than a boot takes on an idle machine
	for i := range *vmMoments {
		place := t.TempDir()
		cmd := exec.Command(binary, "vm", "--kernel", image, "noaccept", "--html", "page.html")
		cmd.Dir = place
		cmd.Env = append(os.Environ(), "TMPDIR="+place)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		emulator := childOf(t, cmd.Process.Pid)
		time.Sleep(time.Duration(i/2) * spread / time.Duration(*vmMoments/2))
		signal := []syscall.Signal{syscall.SIGKILL, syscall.SIGINT}[i%2]
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		eventually(t, "the emulator ends", func() bool { return gone(emulator) })
		if left, err := os.ReadDir(place); err != nil || len(left) > 0 {
			t.Errorf("%v at moment %d: %v are left, %v", signal, i, left, err)
		}
	}
}

// childOf waits for a process to have started the emulator, and returns its id.
func childOf(t *testing.T, pid int) (child int) {
	t.Helper()
	eventually(t, "the emulator starts", func() bool {
		all, err := filepath.Glob("/proc/[0-9]*")
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range all {
			name, _, parent := status(dir)
			if strings.HasPrefix(name, "qemu") && parent == strconv.Itoa(pid) {
				child, err = strconv.Atoi(filepath.Base(dir))
				return err == nil
			}
		}
		return false
	})
	return child
}

// gone reports whether a process has ended, also where nobody has asked how.
func gone(pid int) bool {
	_, state, _ := status("/proc/" + strconv.Itoa(pid))
	return state == "" || state == "Z"
}

// status is what proc(5) says of a process: its name, its state and its parent.
func status(dir string) (name, state, parent string) {
	text, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return "", "", ""
	}
	_, rest, _ := strings.Cut(string(text), "(")
	i := strings.LastIndex(rest, ")")
	if i < 0 {
		return "", "", ""
	}
	fields := strings.Fields(rest[i+1:])
	return rest[:i], fields[0], fields[1]
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for !so() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited for 2 minutes until %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
