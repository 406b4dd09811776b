package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/record"
)

// An interrupted run ends at once, with status 130, the ladder so far and one line;
// so it does where a terminal's ^C reaches all of its processes.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	accounts.orSkip(t)
	for _, u := range allAccounts() {
		for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, nil} {
			name := "^C"
			if signal != nil {
				name = signal.String()
			}
			t.Run(u.name+" "+name, func(t *testing.T) {
				t.Parallel()
				interrupt(t, u.uid, signal)
			})
		}
	}
}

// startWaiting starts a run, and returns when it waits for the first of its two
// timers. Left alone it would go on for nearly 2 s.
func startWaiting(t *testing.T, program string, uid int, attr *syscall.SysProcAttr) (cmd *exec.Cmd, term *terminal, stdout *bytes.Buffer) {
	t.Helper()
	term, stdout = openTerminal(t, 80), new(bytes.Buffer)
	cmd = exec.Command(program, "backlog", "--n", "1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.user, stdout, term.user
	cmd.SysProcAttr = attr
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8") // which the caller may not have
	if err := elsewhere(uid, openNode, cmd.Start); err != nil {
		t.Fatal(err)
	}
	term.until(t, "client's retransmit timer")
	return cmd, term, stdout
}

// interrupt sends a signal, or types ^C where it is nil, while a run waits.
func interrupt(t *testing.T, uid int, signal os.Signal) {
	ownTerminal := &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd, term, stdout := startWaiting(t, ownBinary(t), uid, ownTerminal)
	begin := time.Now()
	if signal != nil {
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	} else if _, err := term.keyboard.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	took := time.Since(begin)
	t.Logf("ended after %.1f ms", took.Seconds()*1000)
	if took > time.Second {
		t.Errorf("it took %v", took)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("it ended with %v, want exit status 130", err)
	}
	for _, want := range []string{"SYN seq=0 ", "… waited ", "✔ confirmed: ", "; interrupted before its end\n"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("stdout has no %q:\n%s", want, stdout)
		}
	}
	text := term.rest(t)
	if strings.Count(text, "interrupted") != 1 || !strings.HasSuffix(text, "\r\x1b[Ktcplab: interrupted\r\n") {
		t.Errorf("it said %q, want one line: interrupted", text)
	}
}

// An interrupted run leaves its record and its views, and so does an interrupted all.
func TestInterruptViews(t *testing.T) {
	t.Parallel()
	accounts.orSkip(t)
	for _, u := range allAccounts() {
		dir := ownDir(t, u.uid)
		for _, args := range []string{"backlog --n 1 --json --html " + dir + "/page", "all --json --html " + dir + "/pages --filter backlog"} {
			term, stdout := openTerminal(t, 80), new(bytes.Buffer)
			cmd := exec.Command(binary, strings.Fields(args)...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = term.user, stdout, term.user
			if err := elsewhere(u.uid, openNode, cmd.Start); err != nil {
				t.Fatal(err)
			}
			term.until(t, "client's retransmit timer")
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
				t.Errorf("%s, %s: %v", u.name, args, err)
			}
			var r record.Run
			if err := r.UnmarshalJSON(stdout.Bytes()); err != nil || r.Outcome != record.Interrupted || len(r.Claims) == 0 {
				t.Errorf("%s, %s: %v, outcome %q, %d claims", u.name, args, err, r.Outcome, len(r.Claims))
			}
		}
		for _, file := range []string{"page", "pages/backlog.html", "pages/index.html"} {
			if !bytes.Contains(readFile(t, filepath.Join(dir, file)), []byte("interrupted")) {
				t.Errorf("%s does not say that it was interrupted", file)
			}
		}
	}
}

// An ordinary user's run is two processes. Killing the one that he has started
// ends the other.
func TestKillOuter(t *testing.T) {
	t.Parallel()
	accounts.orSkip(t)
	program := ownBinary(t)
	cmd, _, _ := startWaiting(t, program, ordinaryUser(), nil) // no terminal that hangs up
	if n := len(processesOf(program)); n != 2 {
		t.Errorf("it is %d processes, want 2", n)
	}
	begin := time.Now()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	poll(func() bool { return len(processesOf(program)) == 0 })
	if took := time.Since(begin); took > time.Second {
		t.Errorf("the other ended after %v, by itself", took)
	}
	_ = cmd.Wait() // tells that it was killed
}
