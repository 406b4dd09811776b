package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/machine"
)

// port is the serial port that a guest of tcplab vm speaks through. The first one is the
// console's.
const port = "/dev/ttyS1"

// A greeting is the first that a guest says.
type greeting struct {
	Release string   `json:"release"` // uname -r
	Version string   `json:"version"` // uname -v
	Lacks   []string `json:"lacks"`   // what labs need and this kernel does not have
}

// InGuest reports whether this process is the first one of a machine, which has nothing
// but what it makes.
func InGuest() bool { return os.Getpid() == 1 }

// Init is the first process of a machine: it makes the file systems that tcplab needs,
// loads the modules, runs a command of tcplab and powers the machine off. args is that
// command; what it prints goes to the console. Without, the machine was made by Run,
// which has left the job there. Init returns only where it fails.
func Init(args []string) error {
	if err := makeSystem(); err != nil {
		return err
	}
	if len(args) > 0 {
		return onConsole(args)
	}
	text, err := os.ReadFile(jobPath)
	if err != nil {
		return fmt.Errorf("no command, and no job: %w", err)
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return err
	}
	out, err := openPort()
	if err != nil {
		return err
	}
	to, err := newFrameWriter(out)
	if err != nil {
		return err
	}
	if err := o.work(to); err != nil {
		if err := to.send(trouble, []byte(err.Error())); err != nil {
			return err
		}
	}
	// The port has taken all when this returns: tcdrain(3).
	if err := unix.IoctlSetInt(int(out.Fd()), unix.TCSBRK, 1); err != nil {
		return os.NewSyscallError("tcdrain", err)
	}
	// qemu ends where the machine starts anew (-no-reboot), with or without ACPI.
	return powerOff(unix.LINUX_REBOOT_CMD_RESTART)
}

// onConsole runs a command in a machine of somebody else's.
func onConsole(args []string) error {
	if os.MkdirAll("/tmp", 0o1777) != nil || unix.Access("/tmp", unix.W_OK) != nil { // the root is read-only
		if err := unix.Mount("tmpfs", "/tmp", "tmpfs", 0, ""); err != nil {
			fmt.Fprintln(os.Stderr, "tcplab: no place for files:", err)
		}
	}
	for _, l := range lacks() {
		fmt.Fprintln(os.Stderr, "tcplab: "+l)
	}
	cmd := command(args)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	status, err := wait(cmd)
	if err != nil {
		return err
	}
	fmt.Printf("tcplab: exit status %d\n", status)
	return powerOff(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func powerOff(how int) error {
	unix.Sync()
	return os.NewSyscallError("reboot", unix.Reboot(how))
}

// work does what is ordered, and says what comes of it.
func (o order) work(to *frameWriter) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return os.NewSyscallError("uname", err)
	}
	text, err := json.Marshal(greeting{unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:]), lacks()})
	if err != nil {
		return err
	}
	if err := to.send(hello, text); err != nil {
		return err
	}
	if err := os.Chdir(o.Dir); err != nil {
		return err
	}
	before := written(nil)
	for _, args := range o.Commands {
		cmd := command(args, o.Env...)
		if o.Other {
			cmd.Path = otherPath
		}
		if o.Stdin != nil {
			if cmd.Stdin, err = stdinOf(o.Stdin); err != nil {
				return err
			}
		}
		cmd.Stdout, cmd.Stderr = pipe{to, stdout}, pipe{to, stderr}
		status, err := wait(cmd)
		if err != nil {
			return err
		}
		for at, info := range written(before) {
			body, err := os.ReadFile(at)
			if err != nil {
				return err
			}
			before[at] = info
			if err := to.send(file, append([]byte(at+"\x00"), body...)); err != nil {
				return err
			}
		}
		if err := to.send(exit, []byte(strconv.Itoa(status))); err != nil {
			return err
		}
	}
	return to.send(bye, nil)
}

// stdinOf is a file that holds a text, and that ends.
func stdinOf(text []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("stdin", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "stdin")
	if _, err := f.Write(text); err != nil {
		return nil, err
	}
	_, err = f.Seek(0, 0)
	return f, err
}

// command is a command of tcplab. To look for garbage takes a tenth of its time, and there
// is memory enough.
func command(args []string, env ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "tcplab"
	cmd.Env = append([]string{"HOME=/", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", machine.InGuest, "GOGC=1000", "GOMEMLIMIT=512MiB"}, env...)
	return cmd
}

// wait runs a command and returns its exit status as a shell has it.
func wait(cmd *exec.Cmd) (int, error) {
	err := cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		if s := ended.Sys().(syscall.WaitStatus); s.Signaled() {
			return 128 + int(s.Signal()), nil
		}
		return ended.ExitCode(), nil
	}
	return 0, err
}

// written are the files of the root file system that are not as they were before.
func written(before map[string]fs.FileInfo) map[string]fs.FileInfo {
	files := map[string]fs.FileInfo{}
	_ = filepath.WalkDir("/", func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if systems(at) {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		if old := before[at]; old == nil || !os.SameFile(old, info) || old.Size() != info.Size() || !old.ModTime().Equal(info.ModTime()) {
			files[at] = info
		}
		return nil
	})
	return files
}
