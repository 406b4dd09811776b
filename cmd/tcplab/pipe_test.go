package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A reader that goes away ends tcplab as it ends any program, without a word: by
// SIGPIPE. An ordinary user's run is two processes, and the outer one has the
// status that a shell gives to that.
func TestReaderGone(t *testing.T) {
	t.Parallel()
	accounts.orSkip(t)
	for _, u := range allAccounts() {
		for _, args := range []string{
			"noaccept", "noaccept --json", "noaccept --quiet", "all --filter noaccept", "all --json --filter noaccept",
			"list", "--help", "doctor", "sockopt",
		} {
			t.Run(u.name+" "+args, func(t *testing.T) {
				t.Parallel()
				reader, writer, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				reader.Close()
				cmd := exec.Command(binary, strings.Fields(args)...)
				var stderr strings.Builder
				cmd.Stdout, cmd.Stderr = writer, &stderr
				err = elsewhere(u.uid, openNode, cmd.Run)
				writer.Close()
				if !byPipe(err) || stderr.Len() > 0 {
					t.Errorf("it ended with %v, and said %q", err, &stderr)
				}
			})
		}
	}
}

// byPipe reports whether a command was ended by SIGPIPE, or has the status that a
// shell gives to that.
func byPipe(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	how := exit.Sys().(syscall.WaitStatus)
	return how.Signaled() && how.Signal() == syscall.SIGPIPE || how.ExitStatus() == 128+int(syscall.SIGPIPE)
}

// What tcplab all --json | head -1 prints is a whole line.
func TestHead(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	cmd := exec.Command(binary, "all", "--json")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, `{"schema":"tcplab.run/2"`) {
		t.Errorf("the first line: %v: %.60s", err, line)
	}
	stdout.Close()
	if err := cmd.Wait(); !byPipe(err) || stderr.Len() > 0 {
		t.Errorf("it ended with %v, and said %q", err, &stderr)
	}
}
