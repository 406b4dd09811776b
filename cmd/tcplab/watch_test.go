package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// play --watch tells a story again when its file changes, also where what it finds is
// wrong, and ends by a signal.
func TestWatch(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	file := filepath.Join(t.TempDir(), "mine.star")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("l = server.listen(80)\nexpect(l.queue, 0)\n")
	cmd := exec.Command(binary, "play", file, "--watch", "--quiet")
	both, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	kill := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	lines := bufio.NewScanner(both)
	until := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("no line with %q came", want)
	}
	until("1 confirmed; no surprise")
	until("waiting for a change")
	write("l = server.listen(80)\nexpect(l.queue, 1)\n#\n")
	until("SURPRISE: line-2")
	until("waiting for a change")
	write("l = server.listen(80\n")
	until("mine.star:2:1: got end of file")
	until("waiting for a change")
	write("# nothing\n")
	until("0 claims; no surprise")
	until("waiting for a change")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	until("interrupted")
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("it ended with %v, want exit status 130", err)
	}
}
