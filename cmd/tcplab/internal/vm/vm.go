// Package vm runs tcplab in a small virtual machine with another kernel. The same
// binary is on both sides: outside it starts the emulator, qemu, with a root file system
// that it makes in memory, and reads what comes; inside it is the first process, which
// runs tcplab once more and sends what that prints over a serial port.
//
// Nothing is left behind: kernel, file system and ports are descriptors, and the emulator
// ends with the thread that has started it.
package vm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tcplab/tcplab/labs/machine"
)

// A Config says how a machine is made.
type Config struct {
	Qemu string // the emulator; empty for the one in PATH
	// RealTime has the guest's clock follow this machine's. Without, a guest's clock
	// counts its instructions (1 << Shift nanoseconds each), and where it waits jumps to
	// the next timer; so a wait takes no time, and a busy machine makes nothing late.
	RealTime bool
	Shift    int
	// Limit is how long it may take, by this machine's clock; 0 is half an hour. It is for
	// a guest that hangs in a way that is not noticed sooner.
	Limit  time.Duration
	Binary string // tcplab's own; empty for this process's
}

// Shift is how fast a guest is in virtual time unless something else is asked for: a
// thousand million instructions a second. With half of that, to read a host's counters
// takes as long as one of RACK's timers may.
const Shift = 0

// usualLimit is what Config.Limit is where it is 0, and endLimit how long a guest may take
// to end when it has said all.
const (
	usualLimit = 30 * time.Minute
	endLimit   = 10 * time.Second
)

// An Output takes what the commands of a guest write, as it comes.
type Output struct {
	Hello          func(release, version string) // uname -r and -v; nil where nobody asks
	Stdout, Stderr io.Writer
	File           func(name string, body []byte) error // nil where none is taken
	Exit           func(status int) error               // a command has ended; nil where nobody asks
}

// An Error says why a guest did not do its job.
type Error struct {
	Kernel  Kernel
	Err     error
	Console []string // the last lines that the guest's console, or the emulator, has shown
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s (%s): %v", e.Kernel.Release, e.Kernel.Name, e.Err)
}
func (e *Error) Unwrap() error { return e.Err }

// Run boots a kernel and has it do a job. It returns the exit status of each command; the
// error is a *Error where the guest did not come to its end.
func Run(ctx context.Context, c Config, k Kernel, j Job, out Output) ([]int, error) {
	if c.Limit == 0 {
		c.Limit = usualLimit
	}
	qemu, err := findQemu(c.Qemu)
	if err != nil {
		return nil, err
	}
	c.Qemu = qemu
	accelerators := []string{"tcg"}
	if c.RealTime && mayUseKVM() {
		accelerators = []string{"kvm", "tcg"}
	}
	for i, a := range accelerators {
		m := &guest{Config: c, kernel: k, out: out}
		err = m.boot(ctx, a, j)
		if err == nil {
			return m.statuses, nil
		}
		// /dev/kvm may open, and fail when a guest is to run: what has not said a word
		// may be tried in another way.
		var failed *Error
		if m.greeted || ctx.Err() != nil || i == len(accelerators)-1 || !errors.As(err, &failed) {
			break
		}
		fmt.Fprintf(out.Stderr, "tcplab: KVM does not work here, so the processor is emulated: %v\n", failed.Err)
	}
	return nil, err
}

// mayUseKVM reports whether the kernel's virtual machines may be used.
func mayUseKVM() bool {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// A guest is a machine that runs.
type guest struct {
	Config
	kernel   Kernel
	out      Output
	greeted  bool
	statuses []int
}

// boot boots the kernel with one accelerator, and reads what the guest says.
func (g *guest) boot(ctx context.Context, accelerator string, j Job) error {
	ctx, cancel := context.WithTimeoutCause(ctx, g.Limit, fmt.Errorf("it has not ended after %v (--limit)", g.Limit))
	defer cancel()
	ctx, hung := context.WithCancelCause(ctx)
	defer hung(nil)

	kernel, initrd, err := g.files(j)
	if err != nil {
		return err
	}
	defer kernel.Close()
	defer initrd.Close()
	consoleIn, consoleOut, err := os.Pipe()
	if err != nil {
		return err
	}
	defer consoleIn.Close()
	recordsIn, recordsOut, err := os.Pipe()
	if err != nil {
		consoleOut.Close()
		return err
	}
	defer recordsIn.Close()

	cmd := exec.CommandContext(ctx, g.Qemu, g.arguments(accelerator)...)
	cmd.ExtraFiles = []*os.File{kernel, initrd, consoleOut, recordsOut}
	watch := &watch{realTime: g.RealTime, boot: bootTime, still: stillFor}
	var said tail // by the emulator itself
	cmd.Stderr = &said
	ended := make(chan error, 1)
	go func() {
		ended <- emulate(cmd, func(p *os.Process) { go watch.over(ctx, p, hung) })
		// What holds the ports' other ends is gone.
		consoleOut.Close()
		recordsOut.Close()
	}()
	var console tail
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		_, _ = io.Copy(&console, consoleIn)
	}()
	failed := g.listen(recordsIn, watch)
	if failed != nil && !errors.Is(failed, io.EOF) {
		hung(failed)
	}
	defer time.AfterFunc(endLimit, func() { hung(nil) }).Stop() // all has been said
	err = <-ended
	<-shown
	switch {
	case failed == nil:
		return nil
	case !errors.Is(failed, io.EOF): // also if it was ended for that
		err = failed
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	default:
		err = why(&console, &said, err)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &Error{Kernel: g.kernel, Err: err, Console: append(console.lines(), said.lines()...)}
}

// files makes the kernel and the root file system files for the emulator.
func (g *guest) files(j Job) (kernel, initrd *os.File, err error) {
	if kernel, err = inMemory("kernel"); err != nil {
		return nil, nil, err
	}
	if initrd, err = inMemory("initrd"); err == nil {
		if _, err = kernel.Write(g.kernel.Image); err == nil {
			err = g.root(initrd, j)
		}
		if err != nil {
			initrd.Close()
		}
	}
	if err != nil {
		kernel.Close()
	}
	return kernel, initrd, err
}

// root writes the root file system.
func (g *guest) root(w io.Writer, j Job) error {
	p, err := ownProgram(g.Binary)
	if err != nil {
		return err
	}
	if !g.RealTime {
		j.Env = append(slices.Clone(j.Env), machine.InVirtualTime)
	}
	a := newArchive(w)
	a.file(initPath, 0o755, p.body)
	for at, body := range p.libraries {
		a.file(at, 0o755, body)
	}
	if err := j.put(a, g.kernel); err != nil {
		return err
	}
	return a.close()
}

// listen reads what the guest says, to its end. The error is io.EOF where it has ended
// before it has said all.
func (g *guest) listen(r io.Reader, w *watch) error {
	for in := newFrameReader(r); ; {
		k, b, err := in.next()
		if err != nil {
			return err
		}
		switch k {
		case hello:
			w.greeted.Store(true)
			g.greeted = true
			err = g.meet(b)
		case stdout:
			_, err = g.out.Stdout.Write(b)
		case stderr:
			_, err = g.out.Stderr.Write(b)
		case file:
			name, body, _ := bytes.Cut(b, []byte{0})
			if g.out.File != nil {
				err = g.out.File(string(name), body)
			}
		case exit:
			var status int
			if status, err = strconv.Atoi(string(b)); err == nil {
				g.statuses = append(g.statuses, status)
				if g.out.Exit != nil {
					err = g.out.Exit(status)
				}
			}
		case trouble:
			err = errors.New(string(b))
		case bye:
			return nil
		default:
			err = errGarbled
		}
		if err != nil {
			return err
		}
	}
}

// meet reads the greeting, and refuses a kernel that lacks what labs need.
func (g *guest) meet(text []byte) error {
	var hi greeting
	if err := json.Unmarshal(text, &hi); err != nil {
		return errGarbled
	}
	if g.out.Hello != nil {
		g.out.Hello(hi.Release, hi.Version)
	}
	if len(hi.Lacks) == 0 {
		return nil
	}
	found := ""
	if len(g.kernel.Modules) == 0 {
		found = fmt.Sprintf("; no modules for %s were found: name a folder that has inet_diag.ko, tcp_diag.ko and tun.ko with --modules", g.kernel.Release)
	}
	return errors.New(strings.Join(hi.Lacks, "; ") + found)
}
