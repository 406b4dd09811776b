package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// victims are the runs that are killed: short ones, ones that wait for timers,
// ones that leave orphans, time-wait sockets and full queues behind.
var victims = []string{"noaccept", "backlog --n 3", "lostfin", "timewait --json", "selfconnect"}

// rootVictims are killed as root of the machine as well: what only that root may
// do belongs here.
var rootVictims = []string{"noaccept", "lostfin", "noaccept --trace"}

// programVictims run programs: a server, a daemon that nothing ends by itself, and a
// client, with a connection between them. The shell makes spaces of ${IFS}. They are
// none where nc is missing.
func programVictims() []string {
	if _, err := exec.LookPath("nc"); err != nil {
		return nil
	}
	return []string{"run --server=setsid${IFS}sleep${IFS}1000&exec${IFS}nc${IFS}-lk${IFS}80 -- sh -c sleep${IFS}0.2|nc${IFS}-N${IFS}server${IFS}80"}
}

// broken is the exit status of a run that could not judge all claims.
const broken = 3

// A way is how a run is made to end before its time.
type way struct {
	name string
	end  func(*execution) error
	// ends are the exit statuses that a run may have then, besides 0; killed by a
	// signal, -1.
	ends []int
}

var ways = []way{
	{"SIGKILL", signaled(syscall.SIGKILL), []int{-1}},
	{"SIGTERM", signaled(syscall.SIGTERM), []int{130, -1}}, // -1 before tcplab is ready for it
	{"SIGINT", signaled(syscall.SIGINT), []int{130, -1}},
	{"SIGHUP", signaled(syscall.SIGHUP), []int{130, -1}},
	// What is written to a terminal that has gone is an error.
	{"its terminal closes", func(e *execution) error { return e.term.keyboard.Close() }, []int{130, -1, broken}},
	// As by | head -1: SIGPIPE, which comes with the next write.
	{"its reader goes", func(e *execution) error { return e.reader.Close() }, []int{-1, 141}},
}

func signaled(s os.Signal) func(*execution) error {
	return func(e *execution) error {
		if err := e.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		return nil
	}
}

// moments is at how many moments of a victim's run each way ends it, for each user.
// Each way ends 13 runs for each: with 8 a hundred and more.
var moments = flag.Int("moments", 1, "moments at which TestKill ends each run in each way")

// However and whenever a run ends, nothing of it is left: no process, no
// namespace, and nothing on the host.
//
// Namespaces are in no list that could be searched: one that is held by a socket
// alone is in no /proc. But a user namespace can have a limit to the network
// namespaces in it, so the runs are ended in one of the test's own. If
// selfconnect, which takes one, succeeds there when one is all that is allowed,
// then none is left. To the kernel its root is as good as the machine's; for what
// only that may do, some runs are ended by the machine's root, too.
//
// It runs apart from the other tests: it keeps all processors busy, and they look
// at what a run judges.
func TestKill(t *testing.T) {
	accounts.orSkip(t)
	before := lookAtMachine(t)
	inside := allAccounts()
	if ordinary() {
		inside = []account{{"user", 0}} // his namespace has no other id
	}
	t.Run("all", func(t *testing.T) { // returns when all in it have ended
		for _, victim := range slices.Concat(victims, programVictims()) {
			for _, a := range inside {
				t.Run(a.name+" "+victim, func(t *testing.T) {
					t.Parallel()
					supervise(t, "userns", a.uid, victim)
				})
			}
		}
		if ordinary() {
			return
		}
		for _, victim := range slices.Concat(rootVictims, programVictims()) {
			t.Run("root of the machine "+victim, func(t *testing.T) {
				t.Parallel()
				supervise(t, "host", 0, victim)
			})
		}
	})
	before.unchanged(t)
}

// supervise runs a supervisor of victims in a user namespace, or on the host.
func supervise(t *testing.T, where string, uid int, victim string) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = append([]string{"supervisor", where, ownBinary(t), strconv.Itoa(uid), strconv.Itoa(*moments)}, strings.Fields(victim)...)
	cmd.Env = append(os.Environ(), superviseKills+"=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if where == "userns" {
		uids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		gids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		if !ordinary() {
			other := syscall.SysProcIDMap{ContainerID: nobody, HostID: nobody, Size: 1}
			uids, gids = append(uids, other), append(gids, other)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWUSER, UidMappings: uids, GidMappings: gids,
			GidMappingsEnableSetgroups: !ordinary(), // which takes a privilege
		}
	}
	if err := elsewhere(os.Getuid(), openNode, cmd.Start); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	t.Logf("%s", out.Bytes())
	if err != nil {
		t.Error(err)
	}
}

// superviseKills makes the test's binary a supervisor.
const superviseKills = "TCPLAB_TEST_KILLS"

func superviseMain() int {
	uid, err := strconv.ParseUint(os.Args[3], 10, 32)
	moments, err2 := strconv.Atoi(os.Args[4])
	if err = errors.Join(err, err2); err == nil {
		s := supervisor{program: os.Args[2], uid: uint32(uid), kills: moments * len(ways), victim: os.Args[5:]}
		if os.Args[1] == "userns" {
			err = s.countingNamespaces(s.killAll)
		} else {
			err = s.killAll()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A supervisor starts runs of program by the user uid, and ends them.
type supervisor struct {
	program string
	uid     uint32
	kills   int
	victim  []string
}

func (s supervisor) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.program, args...)
	cmd.Env = append(os.Environ(), mark())
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if s.uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: s.uid, Gid: s.uid}
	}
	return cmd
}

// allow sets how many network namespaces each user may have.
func (s supervisor) allow(n int) error {
	return os.WriteFile("/proc/sys/user/max_net_namespaces", []byte(strconv.Itoa(n)), 0)
}

// longest is how long a namespace may outlive its run. The kernel clears them
// away one after another, when it has nothing better to do. A handshake that the
// server had under way keeps its namespace until the timer for the SYN,ACK runs
// out, a second later; and what the story had closed itself keeps it until the
// orphan gives up, by the pinned tcp_orphan_retries after 6.2 s (the timers of
// the kernel may be an eighth late). The rest is for a busy machine.
const longest = 30 * time.Second

// countingNamespaces wants do to leave no network namespace.
func (s supervisor) countingNamespaces(do func() error) error {
	// The limit is in force: with no namespace allowed no run succeeds.
	if err := s.allow(0); err != nil {
		return err
	}
	out, err := s.command("selfconnect").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "user.max_net_namespaces") {
		return fmt.Errorf("with no namespace allowed: %v: %s", err, out)
	}
	if err := s.allow(10 * s.kills); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	begin := time.Now()
	if err := s.allow(1); err != nil {
		return err
	}
	if !pollFor(longest, func() bool { out, err = s.command("selfconnect").CombinedOutput(); return err == nil }) {
		return fmt.Errorf("namespaces are left: %s", out)
	}
	fmt.Printf("; no namespace was left %v later", time.Since(begin))
	return nil
}

// killAll ends runs in each way, at moments that are spread over the time that a
// whole one takes.
func (s supervisor) killAll() error {
	begin := time.Now()
	cmd := s.command(s.victim...)
	out, err := cmd.CombinedOutput()
	// That the machine was too busy for a story is no matter here.
	late := cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == broken && bytes.Contains(out, []byte("held up"))
	if err != nil && !late {
		return fmt.Errorf("%v: %w: %s", s.victim, err, out)
	}
	whole := time.Since(begin)
	pids, early, errs := make([]int, s.kills), make([]bool, s.kills), make([]error, s.kills)
	// Waiting for a timer takes no processor, so long runs go side by side.
	beside(s.kills, 1+int(whole/(100*time.Millisecond)), func(i int) {
		at := whole * time.Duration(2*i+1) / time.Duration(2*s.kills)
		w := ways[(i+i/len(ways)+len(s.victim[0]))%len(ways)] // so that none is always an early one
		var err error
		if pids[i], early[i], err = s.kill(at, whole, w); err != nil {
			errs[i] = fmt.Errorf("%s after %v: %w", w.name, at, err)
		}
	})
	n := 0
	for _, e := range early {
		if e {
			n++
		}
	}
	fmt.Printf("%v takes %v; %d of %d were ended before they had ended by themselves", s.victim, whole, n, s.kills)
	if slices.Contains(s.victim, "--trace") {
		errs = append(errs, noInstancesLeft(pids))
	}
	return errors.Join(errors.Join(errs...), noneMarked())
}

// mark is in the environment of all that a supervisor starts, and of what that starts.
func mark() string { return fmt.Sprintf("TCPLAB_TEST_VICTIM=%d", os.Getpid()) }

// noneMarked waits until no process is left that has begun with the mark.
func noneMarked() error {
	var left []string
	none := func() bool {
		left = nil
		files, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err == nil && bytes.Contains(text, []byte(mark()+"\x00")) { // others are not ours to read
				command, _ := os.ReadFile(filepath.Dir(file) + "/cmdline")
				left = append(left, strings.ReplaceAll(string(command), "\x00", " "))
			}
		}
		return len(left) == 0
	}
	if !poll(none) {
		return fmt.Errorf("processes are left: %q", left)
	}
	return nil
}

// noInstancesLeft waits until none of some processes has a tracing instance.
func noInstancesLeft(pids []int) (err error) {
	var left []string
	none := func() bool {
		var all []string
		all, err = tracingInstances()
		left = slices.DeleteFunc(all, func(name string) bool {
			return !slices.ContainsFunc(pids, func(pid int) bool { return strings.HasPrefix(name, instanceOf(pid)) })
		})
		return err != nil || len(left) == 0
	}
	if !poll(none) {
		return fmt.Errorf("tracing instances are left: %v", left)
	}
	return err
}

// An execution is a process, its terminal, and the end of the pipe at which its
// output is read.
type execution struct {
	cmd    *exec.Cmd
	term   *terminal
	reader *os.File
	ended  chan struct{}
	status int
}

// kill ends a run in some way at a moment after its start, and tells which process
// it was, and whether it had not ended by then.
func (s supervisor) kill(at, whole time.Duration, w way) (pid int, early bool, err error) {
	e, err := s.start(w.name == "its reader goes")
	if err != nil {
		return 0, false, err
	}
	pid = e.cmd.Process.Pid
	defer e.term.close()
	defer e.reader.Close()
	select {
	case <-e.ended:
	case <-time.After(at):
		early = true
	}
	if err := w.end(e); err != nil {
		return pid, early, err
	}
	select {
	case <-e.ended:
	case <-time.After(whole + patience):
		_ = e.cmd.Process.Kill()
		<-e.ended
		return pid, early, errors.New("it did not end")
	}
	late := !early && e.status == broken // see killAll
	if e.status != 0 && !late && (!early || !slices.Contains(w.ends, e.status)) {
		return pid, early, fmt.Errorf("it ended with %v", e.cmd.ProcessState)
	}
	return pid, early, nil
}

// start starts a run on a terminal of its own. Its stdout is that, or a pipe.
func (s supervisor) start(pipe bool) (*execution, error) {
	term, err := newTerminal(80)
	if err != nil {
		return nil, err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	e := &execution{cmd: s.command(s.victim...), term: term, reader: reader, ended: make(chan struct{})}
	e.cmd.Stdin, e.cmd.Stdout, e.cmd.Stderr = term.user, term.user, term.user
	if pipe {
		e.cmd.Stdout = writer
	}
	e.cmd.SysProcAttr.Setsid, e.cmd.SysProcAttr.Setctty = true, true
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, term.keyboard) }() // until it is closed
	go func() {
		defer close(e.ended)
		_ = e.cmd.Wait() // an exit status is no error here
		e.status = e.cmd.ProcessState.ExitCode()
	}()
	return e, nil
}
