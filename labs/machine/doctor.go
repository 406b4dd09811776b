package machine

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/account"
	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
	"github.com/tcplab/tcplab/labs/internal/tun"
)

// A Finding is one thing that labs need of a machine, and whether it is there.
type Finding struct {
	What   string
	OK     bool
	Needed bool   // no lab runs without it
	Found  string // what was found, or why not
	Mend   string // the command that mends it, where there is one
	More   []string
}

// Doctor tries all that runs need of this machine, in namespaces of its own.
// sysctls are those that labs turn or read, besides the pinned ones.
func Doctor(sysctls []string) []Finding {
	var d doctor
	d.system()
	differing := stack.Differing() // this machine's, not a private namespace's
	netns.Do(func(t *netns.Thread) {
		begin := time.Now()
		ns, err := t.New()
		if err == nil { // a run has two
			defer ns.Close()
			ns, err = t.New()
		}
		d.tried(stack.Namespace, "network namespace", fmt.Sprintf("two made in %.1f ms", time.Since(begin).Seconds()*1000), err)
		if err != nil {
			return
		}
		defer ns.Close()
		device, err := tun.Open(stack.Interface)
		d.tried(stack.Device, tun.Path, "a device can be made", err)
		if err == nil {
			defer device.Close()
		}
		diag, err := sockdiag.Open()
		if err == nil {
			defer diag.Close()
			err = findsListener(diag)
		}
		d.tried(stack.Diag, "inet_diag", "answers", err)
		d.lowPort()
		d.ipv6()
		d.sysctls(sysctls)
		d.pins(differing)
		d.tracing()
	})
	d.limits()
	return d.findings
}

// findsListener asks about a socket that there is: a kernel without the modules says of
// any that there is none (ENOENT: __sock_diag_cmd, inet_diag_cmd_exact).
func findsListener(diag *sockdiag.Conn) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.Listen(fd, 1); err != nil { // at a port that the kernel chooses
		return os.NewSyscallError("listen", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	at := netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(name.(*unix.SockaddrInet4).Port))
	_, found, err := diag.Get(at, netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	if err == nil && !found {
		err = errors.New("does not know a socket that there is: is there tcp_diag?")
	}
	return err
}

type doctor struct{ findings []Finding }

func (d *doctor) add(f Finding) { d.findings = append(d.findings, f) }

// tried adds what came of trying something that no lab runs without.
func (d *doctor) tried(step stack.Step, what, found string, err error) {
	f := Finding{What: what, OK: err == nil, Needed: true, Found: found}
	if err != nil {
		f.Found = err.Error()
		var m *MissingError
		if errors.As(Missing(&stack.Error{Step: step, Err: err}), &m) {
			f.Found, f.Mend = m.Err.Error(), m.Mend
		}
	}
	d.add(f)
}

func (d *doctor) system() {
	var u unix.Utsname
	err := unix.Uname(&u)
	d.tried("", "kernel", "Linux "+unix.ByteSliceToString(u.Release[:])+" "+unix.ByteSliceToString(u.Machine[:]), err)
	kind, err := rig.Privilege()
	switch {
	case kind == "userns":
		kind = "an ordinary user, as root of a user namespace"
	case os.Geteuid() != 0:
		kind = "an ordinary user with capabilities"
	}
	d.tried("", "privileges", kind, err)
}

func (d *doctor) ipv6() {
	_, err := os.Stat("/proc/thread-self/net/if_inet6")
	f := Finding{What: "IPv6", OK: err == nil, Found: "available"}
	if err != nil {
		f.Found, f.Mend = "not available: --ipv6 cannot run", "boot without ipv6.disable=1"
	}
	d.add(f)
}

// tracing tries what --trace takes.
func (d *doctor) tracing() {
	a, points, lacks, err := account.Open()
	if err == nil {
		a.Close()
	}
	f := Finding{What: "tracing", OK: err == nil, Found: fmt.Sprintf("--trace can be used, with %d tracepoints", len(points))}
	if lacks != nil {
		f.Found += "; this kernel lacks " + strings.Join(lacks, ", ")
	}
	var m *MissingError
	if errors.As(MissingTrace(err), &m) {
		f.Found, f.Mend = m.What, m.Mend
	} else if err != nil {
		f.Found = err.Error()
	}
	d.add(f)
}

// lowPort tries to bind a port below 1024, as the labs' servers do: the hosts let
// anybody.
func (d *doctor) lowPort() {
	err := stack.AllowLowPorts()
	if err == nil {
		err = bind(80)
	}
	d.tried(stack.Sysctls, "low ports", "a program of a private host may bind port 80", err)
}

func bind(port int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrInet4{Port: port}))
}

func (d *doctor) limits() {
	n, err := Descriptors()
	if err == nil {
		err = EnoughDescriptors()
	}
	d.tried("", "descriptors", fmt.Sprintf("ulimit -n allows %d, which is %d sockets for a run", n, max(0, n-Spare)), err)
	if err := EnoughThreads(1); err != nil {
		d.tried("", "threads", "", err)
	}
}

// pins tells where the labs' hosts have another value than this machine.
func (d *doctor) pins(differing []stack.Setting) {
	f := Finding{What: "pinned sysctls", OK: true, Found: "this machine has them all as the private hosts have them"}
	if n := len(differing); n > 0 {
		f.Found = fmt.Sprintf("%d of %d have another value on this machine (--host-sysctls takes it):", n, len(stack.Pinned))
	}
	for _, s := range differing {
		i := slices.IndexFunc(stack.Pinned, func(p stack.Setting) bool { return p.Key == s.Key })
		f.More = append(f.More, fmt.Sprintf("%s is %s, pinned to %s", s.Key, s.Value, stack.Pinned[i].Value))
	}
	d.add(f)
}

// sysctls tries to read and to write every sysctl that is pinned or in used. Where none
// can be written it is not they that are missing.
func (d *doctor) sysctls(used []string) {
	keys := slices.Clone(used)
	for _, s := range stack.Pinned {
		keys = append(keys, s.Key)
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	var lacking []Finding
	var first error
	readOnly := 0
	for _, key := range keys {
		now, err := sysctl.Read(key)
		if err == nil {
			err = sysctl.Write(key, now)
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, sysctl.ErrUnknown):
			lacking = append(lacking, Finding{What: "sysctl", Found: key + ": this kernel has none; labs do without it"})
		case errors.Is(err, sysctl.ErrReadOnly) && slices.Contains(used, key): // labs only read it, as net.core.rmem_max
			readOnly++
		default:
			lacking = append(lacking, Finding{What: "sysctl", Found: fmt.Sprintf("%s: %v", key, err), Needed: true})
		}
		first = cmp.Or(first, err)
	}
	writable := len(keys) - len(lacking) - readOnly
	if writable > 0 {
		d.findings = append(d.findings, lacking...)
		first = nil
	}
	d.tried(stack.Sysctls, "sysctls", fmt.Sprintf("%d of %d that labs use can be read and written", writable, len(keys)), first)
}
