package tracepoint

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// instances is the directory of tracing instances; ours are ownPrefix, the
// process's id and the thread's.
const (
	instances = "instances"
	ownPrefix = "tcplab-"
)

// A keeper is a process that outlives this one by a moment and removes its
// tracing instance. An instance is a directory: unlike all else that a run makes
// it is held by no descriptor, and would stay where the process is killed.
type keeper struct {
	cmd  *exec.Cmd
	hold *os.File // as long as anybody has this end of the pipe open, it waits
}

// keepScript waits for the end of its input and then removes the directory. That
// is refused while the dying process still has a file of it open.
const keepScript = `trap '' HUP INT TERM
read -r _
i=0
while [ -d "$1" ] && ! rmdir "$1" && [ "$i" -lt 100 ]; do
	i=$((i + 1))
	sleep 0.1
done`

// keep starts a keeper of a directory, which need not be there yet.
func (fs *FS) keep(dir string) (*keeper, error) {
	in, hold, err := os.Pipe()
	if err != nil {
		return nil, os.NewSyscallError("pipe", err)
	}
	defer in.Close()
	fd, err := unix.FcntlInt(uintptr(fs.fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		hold.Close()
		return nil, os.NewSyscallError("fcntl", err)
	}
	root := os.NewFile(uintptr(fd), "tracefs")
	defer root.Close()
	cmd := exec.Command("/bin/sh", "-c", keepScript, "tcplab-keeper", "/proc/self/fd/3/"+dir)
	cmd.Stdin, cmd.ExtraFiles = in, []*os.File{root}
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal's signal is for it
	if err := cmd.Start(); err != nil {
		hold.Close()
		return nil, fmt.Errorf("a process that cleans up: %w", err)
	}
	return &keeper{cmd, hold}, nil
}

// release lets the keeper do its work, and waits for it.
func (k *keeper) release() {
	_ = k.hold.Close()
	_ = k.cmd.Wait()
}

// sweep removes the instances of processes that are gone, and their keepers with
// them.
func (fs *FS) sweep() error {
	names, err := fs.Read(instances)
	if err != nil {
		return err
	}
	for name := range strings.Lines(names) {
		name = strings.TrimSpace(name)
		id, _, _ := strings.Cut(strings.TrimPrefix(name, ownPrefix), "-")
		pid, err := strconv.Atoi(id)
		if !strings.HasPrefix(name, ownPrefix) || err != nil || !errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			continue
		}
		// One that is in use all the same is not removed: EBUSY.
		_ = fs.remove(path.Join(instances, name))
	}
	return nil
}

func (fs *FS) remove(dir string) error { return unix.Unlinkat(fs.fd, dir, unix.AT_REMOVEDIR) }
