package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/record"
)

// The machine that the tests run on changes by itself, and by others: only what
// tcplab would write if it missed its private hosts is compared there. The rest is
// TestHostUntouched's.

// tcplab leaves the machine as it was.
func TestMachineUntouched(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	before := lookAtMachine(t)
	before.unchanged(t) // after tcplab all: see ownSysctls
	if !trace.met() {
		return
	}
	for _, args := range []string{"doctor", "all --trace --filter no*"} {
		cmd := exec.Command(binary, strings.Fields(args)...)
		if out, err := cmd.CombinedOutput(); err != nil && !heldUp(err, string(out)) {
			t.Fatalf("tcplab %s: %v\n%s", args, err, out)
		}
		noInstancesOf(t, cmd.Process.Pid)
	}
	before.unchanged(t)
}

// ownSysctls are the sysctls of the labs' hosts that any lab pins, sets or reads,
// by their files on the machine. It runs all labs, once.
var ownSysctls = sync.OnceValues(func() (map[string]bool, error) {
	out, err := tell("all", "--json")
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // a surprise is no matter here
		return nil, err
	}
	files := map[string]bool{}
	for line := range bytes.Lines(out) {
		var r record.Run
		if err := r.UnmarshalJSON(line); err != nil {
			return nil, err
		}
		for _, values := range r.Environment.Sysctls {
			for key := range values {
				files["/proc/sys/"+strings.ReplaceAll(key, ".", "/")] = true
			}
		}
	}
	if len(files) < 20 {
		return nil, fmt.Errorf("the labs' sysctls are %v", files)
	}
	return files, nil
})

// lookAtMachine looks at the sysctls, and at what interfaces and addresses there
// are that are the labs' own.
func lookAtMachine(t *testing.T) host {
	t.Helper()
	h := host{}
	if err := h.sysctls(); err != nil {
		t.Fatal(err)
	}
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if name := l.Attrs().Name; name == "wire0" {
			h["link "+name] = l.Type()
		}
	}
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if text := a.IPNet.String(); strings.HasPrefix(text, "192.0.2.") || strings.HasPrefix(text, "2001:db8:") {
			h["address "+text] = ""
		}
	}
	return h
}

// unchanged wants the machine to be as it was, but for sysctls that are not the
// labs'.
func (h host) unchanged(t *testing.T) {
	t.Helper()
	own, err := ownSysctls()
	if err != nil {
		t.Fatal(err)
	}
	now := lookAtMachine(t)
	for _, look := range []host{h, now} {
		maps.DeleteFunc(look, func(what, _ string) bool { return strings.HasPrefix(what, "/proc/sys/") && !own[what] })
	}
	if diff := cmp.Diff(h, now); diff != "" {
		t.Errorf("the machine has changed (-before +after):\n%s", diff)
	}
}

// noInstancesOf waits until a process has no tracing instance.
func noInstancesOf(t *testing.T, pid int) {
	t.Helper()
	if !poll(func() bool { return !strings.Contains(instances(t), instanceOf(pid)) }) {
		t.Errorf("tracing instances are left:\n%s", instances(t))
	}
}

// instanceOf is what the names of a process's tracing instances begin with.
func instanceOf(pid int) string { return fmt.Sprintf("tcplab-%d-", pid) }

// instances lists the machine's tracing instances.
func instances(t *testing.T) string {
	t.Helper()
	var names []string
	err := elsewhere(0, openNode, func() (err error) {
		names, err = tracingInstances()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, "\n")
}

// tracingInstances lists the tracing instances of the machine. It mounts tracefs
// where it shows to the calling thread alone, which must be elsewhere.
func tracingInstances() ([]string, error) {
	const dir = "/dev/net" // a tmpfs of the thread's own: see elsewhere
	where := dir + "/tracing"
	if err := os.MkdirAll(where, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Mount("tracefs", where, "tracefs", 0, ""); err != nil {
		return nil, os.NewSyscallError("mount tracefs", err)
	}
	defer func() { _ = unix.Unmount(where, unix.MNT_DETACH) }()
	instances, err := os.ReadDir(where + "/instances")
	var names []string
	for _, i := range instances {
		names = append(names, i.Name())
	}
	return names, err
}
