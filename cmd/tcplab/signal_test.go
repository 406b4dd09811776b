package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// users are those who run tcplab in these tests; /dev/net/tun is open to both.
var users = []struct {
	name string
	uid  int
}{{"root", 0}, {"user", nobody}}

// An interrupted run ends at once, with status 130 and one line; so it does
// where a terminal's ^C reaches all of its processes.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	user.orSkip(t)
	for _, u := range users {
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
	cmd, _, _ := startWaiting(t, program, nobody, nil) // no terminal that hangs up
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

// Whenever a run is killed, nothing of it is left: no process, and no namespace.
//
// Namespaces are in no list that could be searched. But a user namespace can
// have a limit to the network namespaces in it, so the runs are killed in one of
// the test's own. If selfconnect, which takes one, succeeds there when one is all
// that is allowed, then none is left.
func TestKill(t *testing.T) {
	t.Parallel()
	user.orSkip(t)
	for _, u := range users {
		for _, victim := range []string{"noaccept", "backlog --n 3"} {
			t.Run(u.name+" "+victim, func(t *testing.T) {
				t.Parallel()
				cmd := exec.Command("/proc/self/exe")
				cmd.Args = append([]string{"supervisor", ownBinary(t), strconv.Itoa(u.uid)}, strings.Fields(victim)...)
				cmd.Env = append(os.Environ(), superviseKills+"=1")
				var out bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &out
				ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: nobody, HostID: nobody, Size: 1}}
				cmd.SysProcAttr = &syscall.SysProcAttr{
					Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids,
					GidMappingsEnableSetgroups: true,
				}
				if err := elsewhere(0, openNode, cmd.Start); err != nil {
					t.Fatal(err)
				}
				err := cmd.Wait()
				t.Logf("%s", out.Bytes())
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// superviseKills makes the test's binary the root of TestKill's user namespace.
const superviseKills = "TCPLAB_TEST_KILLS"

func superviseMain() int {
	uid, err := strconv.ParseUint(os.Args[2], 10, 32)
	if err == nil {
		s := supervisor{program: os.Args[1], uid: uint32(uid)}
		err = s.run(os.Args[3:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A supervisor starts and kills runs of program by the user uid.
type supervisor struct {
	program string
	uid     uint32
}

func (s supervisor) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.uid, Gid: s.uid}}
	return cmd
}

// allow sets how many network namespaces each user may have.
func (s supervisor) allow(n int) error {
	return os.WriteFile("/proc/sys/user/max_net_namespaces", []byte(strconv.Itoa(n)), 0)
}

const kills = 20

func (s supervisor) run(victim []string) error {
	// The limit is in force: with no namespace allowed no run succeeds.
	if err := s.allow(0); err != nil {
		return err
	}
	out, err := s.command("selfconnect").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "user.max_net_namespaces") {
		return fmt.Errorf("with no namespace allowed: %v: %s", err, out)
	}
	if err := s.allow(10 * kills); err != nil {
		return err
	}

	begin := time.Now()
	if out, err := s.command(victim...).CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", victim, err, out)
	}
	whole := time.Since(begin)
	alive, err := s.killAll(whole, victim)
	if err != nil {
		return err
	}

	begin = time.Now()
	if err := s.allow(1); err != nil {
		return err
	}
	// The kernel takes its time: a handshake that the server had under way keeps
	// its namespace until the timer for the SYN,ACK runs out.
	if !poll(func() bool { out, err = s.command("selfconnect").CombinedOutput(); return err == nil }) {
		return fmt.Errorf("namespaces are left: %s", out)
	}
	fmt.Printf("%v takes %v; %d of %d were killed before they had ended; nothing was left %v later", victim, whole, alive, kills, time.Since(begin))
	return nil
}

// killAll kills runs at moments that are spread over the time a whole one takes,
// and tells how many had not ended by then.
func (s supervisor) killAll(whole time.Duration, victim []string) (alive int, err error) {
	var killed [kills]bool
	var errs [kills]error
	// Waiting for a timer takes no processor, so long runs go side by side.
	abreast := make(chan struct{}, 1+int(whole/(100*time.Millisecond)))
	var all sync.WaitGroup
	for i := range kills {
		abreast <- struct{}{}
		all.Go(func() {
			killed[i], errs[i] = s.kill(whole*time.Duration(i)/kills, victim)
			<-abreast
		})
	}
	all.Wait()
	for _, k := range killed {
		if k {
			alive++
		}
	}
	return alive, errors.Join(errs[:]...)
}

// kill kills a run at a moment after its start, and tells whether it had not
// ended by then.
func (s supervisor) kill(at time.Duration, victim []string) (alive bool, err error) {
	cmd := s.command(victim...)
	if err := cmd.Start(); err != nil {
		return false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return false, err
	case <-time.After(at):
	}
	err = cmd.Process.Kill()
	switch {
	case err == nil:
		<-ended
		return true, nil
	case errors.Is(err, os.ErrProcessDone):
		return false, <-ended
	}
	return false, err
}
