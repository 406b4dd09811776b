package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/vm"
)

// failedGuest runs version with a kernel in another way, and returns what it fails with.
func failedGuest(t *testing.T, k vm.Kernel, c vm.Config, j vm.Job) (*vm.Error, string) {
	t.Helper()
	if c.Binary == "" {
		c.Binary = binary
	}
	c.Shift, j.Dir = vm.Shift, "/"
	if j.Commands == nil {
		j.Commands = [][]string{{"version"}}
	}
	var said bytes.Buffer
	_, err := vm.Run(t.Context(), c, k, j, vm.Output{Stdout: &said, Stderr: &said})
	var failed *vm.Error
	if !errors.As(err, &failed) {
		t.Fatalf("%v, want that the guest has failed\n%s", err, &said)
	}
	return failed, said.String()
}

// What a kernel lacks is told, and which option gives it.
func TestVMLacks(t *testing.T) {
	t.Parallel()
	k := kernels(t)[0]
	if len(k.Modules) == 0 {
		t.Skip("this kernel needs no modules, or none were found")
	}
	all := k.Modules
	for missing, option := range map[string]string{"": "CONFIG_TUN", "/tun.ko": "CONFIG_TUN", "/tcp_diag.ko": "CONFIG_INET_TCP_DIAG", "_diag.ko": "CONFIG_INET_DIAG"} {
		k.Modules = slices.DeleteFunc(slices.Clone(all), func(m vm.Module) bool { return strings.HasSuffix(m.Name, missing) })
		err, _ := failedGuest(t, k, vm.Config{}, vm.Job{})
		if !strings.Contains(err.Error(), option) || strings.Contains(err.Error(), "with --modules") != (missing == "") {
			t.Errorf("without %q: %v", missing, err)
		}
	}
}

// A kernel that panics, here for want of a program that it could start, is told with
// what it has said.
func TestVMPanics(t *testing.T) {
	t.Parallel()
	k := kernels(t)[0]
	self, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(t.TempDir(), "header")
	const head = 64 // of an ELF file: it says that no segments are to be loaded
	header := bytes.Clone(self[:head])
	clear(header[0x38:0x40])
	clear(header[0x28:0x30])
	if err := os.WriteFile(at, header, 0o700); err != nil {
		t.Fatal(err)
	}
	failed, _ := failedGuest(t, k, vm.Config{Binary: at}, vm.Job{})
	if !strings.Contains(failed.Error(), "the kernel has panicked: ") || !strings.Contains(strings.Join(failed.Console, "\n"), "Kernel panic") {
		t.Errorf("%v\n%s", failed, strings.Join(failed.Console, "\n"))
	}
}

// A guest that does not end is ended, by this machine's clock.
func TestVMHangs(t *testing.T) {
	t.Parallel()
	k := kernels(t)[0]
	failed, _ := failedGuest(t, k, vm.Config{Limit: 2 * time.Second}, vm.Job{})
	if !strings.Contains(failed.Error(), "it has not ended after 2s (--limit)") {
		t.Error(failed)
	}
}

// Where this machine has no KVM that works, that is told, and it goes on without.
func TestVMRealTime(t *testing.T) {
	t.Parallel()
	k := kernels(t)[0]
	var stdout, stderr bytes.Buffer
	job := vm.Job{Commands: [][]string{{"nolisten", "--quiet"}}, Dir: "/"}
	statuses, err := vm.Run(t.Context(), vm.Config{RealTime: true, Binary: binary}, k, job, vm.Output{Stdout: &stdout, Stderr: &stderr})
	if err != nil || len(statuses) != 1 || statuses[0] != 0 {
		t.Errorf("status %v, %v\n%s%s", statuses, err, &stdout, &stderr)
	}
	if said := stderr.String(); said != "" && !strings.HasPrefix(said, "tcplab: KVM does not work here, so the processor is emulated: ") {
		t.Errorf("stderr has %q", said)
	}
}

// A tcplab that was built with cgo takes its libraries along.
func TestVMLibraries(t *testing.T) {
	t.Parallel()
	k := kernels(t)[0]
	for _, program := range []string{"go", "cc"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("needs " + program + ", to build tcplab with cgo")
		}
	}
	at := filepath.Join(t.TempDir(), "tcplab")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", at, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if out, err := exec.Command("readelf", "-l", at).Output(); err == nil && !bytes.Contains(out, []byte("interpreter")) {
		t.Skip("this machine's tcplab with cgo needs no libraries")
	}
	var stdout, stderr bytes.Buffer
	_, err := vm.Run(t.Context(), vm.Config{Shift: vm.Shift, Binary: at}, k, vm.Job{Commands: [][]string{{"noaccept", "--quiet"}}, Dir: "/"}, vm.Output{Stdout: &stdout, Stderr: &stderr})
	if err != nil || !strings.Contains(stdout.String(), "no surprise") {
		t.Errorf("%v\n%s%s", err, &stdout, &stderr)
	}
}
