package vm

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// emulator is the one that is looked for, and its package in Debian.
const (
	emulator        = "qemu-system-x86_64"
	emulatorPackage = "qemu-system-x86"
)

// findQemu returns the path of the emulator.
func findQemu(named string) (string, error) {
	if named == "" {
		named = emulator
		if _, err := exec.LookPath(named); err != nil {
			return "", fmt.Errorf("a virtual machine needs %s: install the package %s (Debian, Ubuntu), qemu-system-x86-core (Fedora) or qemu-system-x86 (Arch), or name it with --qemu", emulator, emulatorPackage)
		}
	}
	at, err := exec.LookPath(named)
	if err != nil {
		return "", cause(named, err)
	}
	return at, nil
}

// memory is a guest's, in MiB.
const memory = 1024

// kernelArguments are the kernel's. The guest is silent but for what is wrong, starts
// anew at once after a panic, which ends the emulator, and runs on a clock that does
// not have to be compared with others. What takes half of a boot and changes nothing for
// TCP is left out: ACPI, the moving of the kernel to a random place, the tests of its
// cryptography. What stands behind -- are the arguments of /init.
const kernelArguments = "console=ttyS0 quiet panic=-1 acpi=off nokaslr cryptomgr.notests tsc=reliable no_timer_check random.trust_cpu=on mitigations=off -- init"

// processor is the guest's: all that the emulator has, but for what makes the kernel copy
// and clear memory byte by byte (rep movsb), which an emulated processor is slow at.
const processor = "max,-erms,-fsrm"

// arguments are the emulator's, for files that are open as descriptors of it.
func (c Config) arguments(accelerator string) []string {
	file := func(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
	args := []string{
		"-M", "pc", "-accel", accelerator, "-cpu", processor, "-m", strconv.Itoa(memory),
		"-nodefaults", "-no-user-config", "-display", "none", "-net", "none", "-no-reboot",
		"-kernel", file(kernelFD), "-initrd", file(initrdFD), "-append", kernelArguments,
		"-serial", "file:" + file(consoleFD), "-serial", "file:" + file(recordsFD),
	}
	if !c.RealTime {
		args = append(args, "-icount", fmt.Sprintf("shift=%d,sleep=off", c.Shift))
	}
	return args
}

// The emulator's descriptors, beside the standard ones.
const (
	kernelFD = 3 + iota
	initrdFD
	consoleFD
	recordsFD
)

// inMemory makes a file that has no name, and goes with the last who has it open.
func inMemory(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate("tcplab-"+name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// emulate runs the emulator to its end on a thread of its own, for it ends with that
// thread (prctl(2), PR_SET_PDEATHSIG), whatever ends this process.
// It calls started when the emulator runs.
func emulate(cmd *exec.Cmd, started func(*os.Process)) error {
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
		if err := cmd.Start(); err != nil {
			ended <- err
			return
		}
		started(cmd.Process)
		ended <- cmd.Wait()
	}()
	return <-ended
}
