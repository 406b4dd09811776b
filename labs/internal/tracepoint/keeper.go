package tracepoint

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// instances is the directory of tracing instances; ours are ownPrefix, the
// process's id and the thread's.
const (
	instances = "instances"
	ownPrefix = "tcplab-"
)

// Unkept is the environment variable that says that nothing has to be removed: the
// machine ends with the run, as one of tcplab vm does. Such a one has no shell.
const Unkept = "TCPLAB_UNKEPT"

// keep starts the keeper of this process, once: another process, which outlives it
// by a moment and removes its tracing instances. An instance is a directory:
// unlike all else that a run makes it is held by no descriptor, and would stay
// where the process is killed.
//
// It is one for all runs, and there before any of them opens a socket, because a
// process that is being started has for a moment all descriptors of the one that
// starts it: what a story closed meanwhile would not be closed yet.
var keep = sync.OnceValue(func() error {
	if os.Getenv(Unkept) != "" {
		return nil
	}
	fs, err := Mount()
	if err != nil {
		return err
	}
	root := os.NewFile(uintptr(fs.fd), "tracefs")
	defer root.Close()
	var pipe [2]int // the keeper waits for as long as this process has the other end
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe2", err)
	}
	in := os.NewFile(uintptr(pipe[0]), "pipe")
	defer in.Close()
	cmd := exec.Command("/bin/sh", "-c", keepScript, "tcplab-keeper", "/proc/self/fd/3/"+path.Join(instances, own()))
	cmd.Stdin, cmd.ExtraFiles = in, []*os.File{root}
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal's signal is for it
	if err := cmd.Start(); err != nil {
		_ = unix.Close(pipe[1])
		return fmt.Errorf("a process that cleans up: %w", err)
	}
	return cmd.Process.Release()
})

// own is what the names of this process's instances begin with.
func own() string { return fmt.Sprintf("%s%d-", ownPrefix, os.Getpid()) }

// keepScript waits for the end of its input and then removes the directories. That
// is refused while the dying process still has a file of theirs open.
const keepScript = `trap '' HUP INT TERM
read -r _
i=0
while [ "$i" -lt 100 ]; do
	left=
	for dir in "$1"*; do
		[ ! -d "$dir" ] || rmdir "$dir" || left=1
	done
	[ -n "$left" ] || exit 0
	i=$((i + 1))
	sleep 0.1
done`

// sweep removes the instances of processes that are gone, and their keepers too.
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
