package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/machine"
)

// binary is the tcplab that the tests run, in a directory that every user may
// enter.
var binary string

// The main thread belongs to TestMain, so that no test's goroutine ever locks
// it: see elsewhere.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	if signal.Ignored(syscall.SIGHUP) {
		// By nohup(1). What the tests start would ignore it too; what is caught
		// is not handed down.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	if os.Getenv(superviseKills) != "" {
		os.Exit(superviseMain())
	}
	status, err := testMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func testMain(m *testing.M) (status int, err error) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given { // waiting for the kernel's timers takes no processor
		if err := flag.Set("test.parallel", "12"); err != nil {
			return 0, err
		}
	}
	if binary = os.Getenv(givenBinary); binary != "" {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "tcplab-test")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return 0, err
	}
	binary = filepath.Join(dir, "tcplab")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // static as make build's, for a virtual machine
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 0, fmt.Errorf("go build: %w", err)
	}
	defer func() { endChromium() }() // it writes into the directory
	return m.Run(), nil
}

// A need is something that a test may lack on this machine.
type need string

const (
	labs     = need("labs")     // that labs can run
	user     = need("user")     // that root can become an ordinary user, and labs run then
	accounts = need("accounts") // that labs run for all accounts
	trace    = need("trace")    // that --trace can be used
)

// found says for each need why it is not met, or "".
var found = map[need]func() string{
	labs: labsLack,
	trace: sync.OnceValue(func() string {
		out, err := exec.Command(binary, "doctor").CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--trace can be used")) {
			return fmt.Sprintf("tcplab doctor: %v\n%s", err, out)
		}
		return ""
	}),
	user: userLacks,
	accounts: func() string {
		if ordinary() {
			return labsLack()
		}
		return userLacks()
	},
}

var userLacks = sync.OnceValue(func() string {
	if ordinary() {
		return "it takes root to become another user"
	}
	why := labsLack()
	if why != "" {
		return why
	}
	err := elsewhere(nobody, openNode, func() error { why = doctor(); return nil })
	if err != nil {
		return err.Error()
	}
	return why
})

// ordinary reports whether the tests are an ordinary user's, or root's of a user
// namespace: see inUserNamespace.
func ordinary() bool { return os.Getuid() != 0 || machine.InsideUserns() }

// An account is one for whom tcplab runs in these tests.
type account struct {
	name string
	uid  int
}

// allAccounts are root's and an ordinary user's, or his alone whose tests they are.
// /dev/net/tun is open to all: see elsewhere.
func allAccounts() []account {
	if ordinary() {
		return []account{{"user", os.Getuid()}}
	}
	return []account{{"root", 0}, {"user", nobody}}
}

var labsLack = sync.OnceValue(doctor)

func doctor() string {
	out, err := exec.Command(binary, "doctor").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("tcplab doctor: %v\n%s", err, out)
	}
	return ""
}

// unmet says why a need is not met, or "". It is an error that it is not met
// where that must not be.
func (n need) unmet() (why string, err error) {
	why = found[n]()
	return why, n.refused(why)
}

// refused is the error that a need is not met, where that must not be.
func (n need) refused(why string) error {
	if why != "" && os.Getenv("TCPLAB_REQUIRE_PRIV") == "1" {
		return fmt.Errorf("TCPLAB_REQUIRE_PRIV is set, and %s is missing: %s", n, why)
	}
	return nil
}

// met reports whether it is.
func (n need) met() bool { return found[n]() == "" }

func (n need) orSkip(t *testing.T) {
	t.Helper()
	n.skip(t, found[n]())
}

// skip ends the test where why says that the need is not met.
func (n need) skip(t *testing.T, why string) {
	t.Helper()
	if err := n.refused(why); err != nil {
		t.Fatal(err)
	}
	if why != "" {
		t.Skipf("%s is missing: %s", n, why)
	}
}

// requireProgram returns the path of a program of Debian's, and skips the test
// where it is not installed.
func requireProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		need(name).skip(t, err.Error())
	}
	return path
}

const (
	nobody     = 65534 // a user who has nothing
	openNode   = 0o666 // modes of /dev/net/tun
	closedNode = 0o600
)

// elsewhere calls do on a thread that runs as the user uid, that has mounts of its
// own, and that sees a /dev/net/tun with the given mode, whatever the machine's own
// has. Processes that do starts get all that. The thread dies with it. An ordinary
// user's tests have no other users, and no mounts outside of a user namespace.
func elsewhere(uid int, node uint32, do func() error) error {
	if uid == os.Getuid() && node == openNode && os.Getuid() != 0 {
		return do()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good
		err := moveThread(uid, node)
		if err == nil {
			err = do()
		}
		done <- err
	}()
	return <-done
}

func moveThread(uid int, node uint32) error {
	const dir, tun = "/dev/net", "/dev/net/tun"
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	// Nothing that is mounted here shows elsewhere.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount /", err)
	}
	if machine.InsideUserns() { // where nobody makes devices: the machine's own is open
		return nil
	}
	if err := unix.Mount("tcplab-test", dir, "tmpfs", 0, "mode=0755"); err != nil {
		return os.NewSyscallError("mount "+dir, err)
	}
	if err := unix.Mknod(tun, unix.S_IFCHR|node, int(unix.Mkdev(10, 200))); err != nil {
		return os.NewSyscallError("mknod "+tun, err)
	}
	if err := unix.Chmod(tun, node); err != nil { // mknod obeys the umask
		return os.NewSyscallError("chmod "+tun, err)
	}
	if uid == 0 {
		return nil
	}
	// package syscall would change the users of all threads.
	id := uintptr(uid)
	for _, call := range []struct {
		name    string
		number  uintptr
		a, b, c uintptr
	}{{"setgroups", unix.SYS_SETGROUPS, 0, 0, 0}, {"setresgid", unix.SYS_SETRESGID, id, id, id}, {"setresuid", unix.SYS_SETRESUID, id, id, id}} {
		if _, _, errno := unix.RawSyscall(call.number, call.a, call.b, call.c); errno != 0 {
			return os.NewSyscallError(call.name, errno)
		}
	}
	return nil
}

// ordinaryUser returns the id of the account that is not root's.
func ordinaryUser() int {
	all := allAccounts()
	return all[len(all)-1].uid
}

// inUserNamespace runs the test again, and no other, as root of a user namespace,
// where the tests are an ordinary user's. It reports whether it has.
func inUserNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getuid() == 0 {
		return false
	}
	runtime.LockOSThread() // see machine.AsRoot
	defer runtime.UnlockOSThread()
	cmd := machine.AsRoot("-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(cmd.Env, givenBinary+"="+binary)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	switch {
	case err != nil:
		t.Errorf("in a user namespace: %v\n%s", err, &out)
	case bytes.Contains(out.Bytes(), []byte("--- SKIP: "+t.Name()+" ")):
		t.Skipf("in a user namespace:\n%s", &out)
	}
	return true
}

// givenBinary makes a test's binary use a tcplab that is built already.
const givenBinary = "TCPLAB_TEST_BINARY"

// patience bounds every wait for something that ought to come at once.
const patience = 10 * time.Second

// poll calls ok until it holds, and reports whether it came to.
func poll(ok func() bool) bool { return pollFor(patience, ok) }

func pollFor(long time.Duration, ok func() bool) bool {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(long); time.Now().Before(end); <-ticker.C {
		if ok() {
			return true
		}
	}
	return false
}

// ownBinary returns a tcplab for this test alone. In the end it looks that no
// process of it is left.
func ownBinary(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(binary), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, "tcplab")
	if err := os.Link(binary, own); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !poll(func() bool { return len(processesOf(own)) == 0 }) {
			t.Errorf("processes are left: %v", processesOf(own))
		}
	})
	return own
}

// processesOf returns the ids of the processes that run a program.
func processesOf(program string) []int {
	var ids []int
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if exe, err := os.Readlink(link); err == nil && exe == program { // a process may end meanwhile
			id, _ := strconv.Atoi(strings.Split(link, "/")[2])
			ids = append(ids, id)
		}
	}
	return ids
}
