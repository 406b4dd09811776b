package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An interrupted run ends at once, with status 130 and one line; so it does
// where a terminal's ^C reaches all of its processes.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	user.orSkip(t)
	for _, u := range accounts() {
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
	if stdout.Len() > 0 {
		t.Errorf("stdout:\n%s", stdout)
	}
	text := term.rest(t)
	if strings.Count(text, "interrupted") != 1 || !strings.HasSuffix(text, "\r\x1b[Ktcplab: interrupted\r\n") {
		t.Errorf("it said %q, want one line: interrupted", text)
	}
}

// An ordinary user's run is two processes. Killing the one that he has started
// ends the other.
func TestKillOuter(t *testing.T) {
	t.Parallel()
	user.orSkip(t)
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
