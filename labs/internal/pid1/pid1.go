// Package pid1 gives a host of its own processes: a PID, mount, UTS and IPC namespace
// with a small init in it, which is this same program once more. Whatever the host's
// programs start ends with that init, and the init ends with the one that has started
// it: the kernel sees to both (pid_namespaces(7); PR_SET_PDEATHSIG of prctl(2)), and
// the init watches a socket besides.
package pid1

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// name is what the init is called, by which the program knows that it is one.
const name = "tcplab-host"

// socketFD is the init's end of the socket to its Host.
const socketFD = 3

// maxMessage bounds what is said at once: the longest command line of Linux, and more.
const maxMessage = 4 << 20

// A Config says what a host's processes are to be like.
type Config struct {
	Name string // the host's name, which becomes that of its UTS namespace
	// Hosts are the names that can be resolved on it, beside localhost: the lines of
	// its /etc/hosts.
	Hosts string
	// Stdin is what its programs read, and Output what they write to.
	Stdin, Output *os.File
	// Apart gives its programs a session of their own: they have no terminal, and the
	// keys that interrupt the user's programs do not reach them.
	Apart bool
}

// A message is what Host and init say to one another.
type message struct {
	Config *Config  `json:",omitempty"` // to the init, the first
	Start  []string `json:",omitempty"` // to the init: start this program
	End    bool     `json:",omitempty"` // to the init: end the programs, and yourself
	Happened
}

// Happened is what has become of a host's program.
type Happened struct {
	Ready bool   `json:",omitempty"` // the init is ready
	Error string `json:",omitempty"` // why it is not, or why the program could not be started
	Ended bool   `json:",omitempty"` // the program has ended
	// Status is its exit status; where a signal has ended it that is Signal.
	Status int            `json:",omitempty"`
	Signal syscall.Signal `json:",omitempty"`
}

// A Host is the processes of one host.
type Host struct {
	cmd    *exec.Cmd
	socket int
}

// Start starts the init of a host in the calling thread's network namespace. The
// thread must be locked, and is to live for as long as the host: its end is the
// init's. The init is ready once Next says so.
func Start(c Config) (*Host, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	theirs := os.NewFile(uintptr(ends[1]), "socket")
	defer theirs.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{name, c.Name}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Output, c.Output
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
		Setsid:     c.Apart,
	}
	h := &Host{cmd: cmd, socket: ends[0]}
	if err := errors.Join(unix.SetNonblock(h.socket, true), cmd.Start()); err != nil {
		unix.Close(h.socket)
		return nil, err
	}
	c.Stdin, c.Output = nil, nil
	if err := h.say(message{Config: &c}); err != nil {
		h.Kill()
		return nil, err
	}
	return h, nil
}

// FD is readable when Next has something to tell.
func (h *Host) FD() int { return h.socket }

// Next tells what has happened, and that nothing has by false. An error means that
// the init is gone.
func (h *Host) Next() (Happened, bool, error) {
	m, err := receive(h.socket)
	if errors.Is(err, unix.EAGAIN) {
		return Happened{}, false, nil
	}
	return m.Happened, err == nil, err
}

// Run starts a program: a path, and its arguments with its name first.
func (h *Host) Run(argv []string) error { return h.say(message{Start: argv}) }

// End asks all programs to end by SIGTERM; those that have not ended a moment later
// are killed. FD is readable when the init has ended too.
func (h *Host) End() error { return h.say(message{End: true}) }

// Kill ends all processes of the host at once, and returns when they have ended.
func (h *Host) Kill() {
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
	unix.Close(h.socket)
}

func (h *Host) say(m message) error { return send(h.socket, m) }

func send(fd int, m message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(text) > maxMessage {
		return fmt.Errorf("a command of %d bytes is too long", len(text))
	}
	return os.NewSyscallError("send", ignoringEINTR(func() error { return unix.Send(fd, text, unix.MSG_NOSIGNAL) }))
}

// errGone is the error of receive where the other end is closed.
var errGone = errors.New("the other side is gone")

func receive(fd int) (message, error) {
	var m message
	buf := make([]byte, 4096)
	n, err := 0, error(nil)
	err = ignoringEINTR(func() error {
		n, _, err = unix.Recvfrom(fd, buf, unix.MSG_PEEK|unix.MSG_TRUNC) // how long it is
		return err
	})
	if err == nil && n > len(buf) {
		buf = make([]byte, n)
	}
	if err == nil && n > 0 {
		err = ignoringEINTR(func() error {
			n, _, err = unix.Recvfrom(fd, buf, 0)
			return err
		})
	}
	switch {
	case err == unix.ECONNRESET, err == nil && n == 0:
		return m, errGone
	case err != nil:
		return m, os.NewSyscallError("recv", err)
	}
	return m, json.Unmarshal(buf[:n], &m)
}

func ignoringEINTR(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
