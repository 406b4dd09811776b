package pid1

import (
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// grace is what programs get to end by themselves once they are asked to.
const grace = 500 * time.Millisecond

// Main is the init's main, and reports by false that this program is none. The
// program's own main calls it before anything else, and ends with the status.
func Main() (status int, is bool) {
	if len(os.Args) != 2 || os.Args[0] != name {
		return 0, false
	}
	if os.Getpid() != 1 {
		return 3, true // somebody has called it by that name
	}
	i := &inside{said: make(chan message), children: make(chan os.Signal, 1)}
	return i.main(), true
}

// inside is the init.
type inside struct {
	config   Config
	said     chan message // closed when tcplab is gone
	children chan os.Signal
	program  int // its process, 0 before it is started
}

func (i *inside) main() int {
	// The kernel keeps from an init what it has no handler for, and what it has a
	// handler for from no program that it starts.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
	signal.Notify(i.children, syscall.SIGCHLD)
	first, err := receive(socketFD)
	if err != nil || first.Config == nil {
		return 3
	}
	i.config = *first.Config
	unix.CloseOnExec(socketFD)
	if err := furnish(i.config); err != nil {
		i.tell(Happened{Error: err.Error()})
		return 3
	}
	i.tell(Happened{Ready: true})
	go i.listen()
	for {
		select {
		case m, ok := <-i.said:
			switch {
			case !ok:
				return 0 // and the kernel ends the rest
			case m.Start != nil:
				i.start(m.Start)
			case m.End:
				i.end()
				return 0
			}
		case <-i.children:
			i.reap()
		}
	}
}

func (i *inside) listen() {
	defer close(i.said)
	for {
		m, err := receive(socketFD)
		if err != nil {
			return
		}
		i.said <- m
	}
}

func (i *inside) tell(h Happened) { _ = send(socketFD, message{Happened: h}) }

// start starts the program.
func (i *inside) start(argv []string) {
	p, err := os.StartProcess(argv[0], argv[1:], &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Env: slices.DeleteFunc(os.Environ(), func(v string) bool {
			return strings.HasPrefix(v, "TCPLAB_") // tcplab's own, which a tcplab in here would misunderstand
		}),
		Sys: &syscall.SysProcAttr{},
	})
	if err != nil {
		i.tell(Happened{Error: err.Error()})
		return
	}
	i.program = p.Pid
	_ = p.Release() // reap waits for it, as for all others
}

// reap takes in which processes have ended, and tells if the program has.
func (i *inside) reap() (none bool) {
	for {
		var how unix.WaitStatus
		pid, err := unix.Wait4(-1, &how, unix.WNOHANG, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ECHILD:
			return true
		case err != nil || pid == 0:
			return false
		}
		if pid != i.program {
			continue
		}
		i.program = 0
		h := Happened{Ended: true}
		if how.Signaled() {
			h.Signal = how.Signal()
		} else {
			h.Status = how.ExitStatus()
		}
		i.tell(h)
	}
}

// end asks all processes to end, and waits for them.
func (i *inside) end() {
	_ = unix.Kill(-1, unix.SIGTERM)
	_ = unix.Kill(-1, unix.SIGCONT) // for those that are stopped
	for over := time.After(grace); !i.reap(); {
		select {
		case <-i.children:
		case _, ok := <-i.said:
			if !ok {
				return
			}
		case <-over:
			return
		}
	}
}
