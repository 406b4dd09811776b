package lab

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/sockdiag"
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
}

// Doctor tries all that the labs need of this machine, in namespaces of its own.
func Doctor(labs []*Lab) []Finding {
	var d doctor
	d.system()
	netns.Do(func(t *netns.Thread) {
		begin := time.Now()
		ns, err := t.New()
		d.tried("network namespace", fmt.Sprintf("made in %.1f ms", time.Since(begin).Seconds()*1000), err)
		if err != nil {
			return
		}
		defer ns.Close()
		device, err := tun.Open(device)
		d.tried(tun.Path, "a device can be made", err)
		if err == nil {
			defer device.Close()
		}
		diag, err := sockdiag.Open()
		if err == nil {
			defer diag.Close()
			_, _, err = diag.Get(addrPort(&unix.SockaddrInet4{Port: 1}), addrPort(&unix.SockaddrInet4{}))
		}
		d.tried("inet_diag", "answers", err)
		d.ipv6()
		d.sysctls(labs)
		d.tracing()
	})
	d.descriptors()
	return d.findings
}

type doctor struct{ findings []Finding }

func (d *doctor) add(f Finding) { d.findings = append(d.findings, f) }

// tried adds what came of trying something that no lab runs without.
func (d *doctor) tried(what, found string, err error) {
	f := Finding{What: what, OK: err == nil, Needed: true, Found: found}
	if err != nil {
		f.Found = err.Error()
		var m *MissingError
		if errors.As(missing(err), &m) {
			f.Mend = m.Mend
		}
	}
	d.add(f)
}

func (d *doctor) system() {
	var u unix.Utsname
	err := unix.Uname(&u)
	d.tried("kernel", "Linux "+unix.ByteSliceToString(u.Release[:])+" "+unix.ByteSliceToString(u.Machine[:]), err)
	kind, err := privilege()
	if kind == "userns" {
		kind = "an ordinary user, as root of a user namespace"
	}
	d.tried("privileges", kind, err)
}

func (d *doctor) ipv6() {
	_, err := os.Stat("/proc/thread-self/net/if_inet6")
	f := Finding{What: "IPv6", OK: err == nil, Found: "there is"}
	if err != nil {
		f.Found, f.Mend = "there is none, so --ipv6 won't run", "boot without ipv6.disable=1"
	}
	d.add(f)
}

// tracing tries what --trace takes.
func (d *doctor) tracing() {
	r := &run{}
	var err error
	if r.environment.Privilege, err = privilege(); err == nil {
		if r.trace, err = r.newTrace(); err == nil {
			r.trace.close()
		}
	}
	f := Finding{What: "tracing", OK: err == nil, Found: fmt.Sprintf("--trace can be used, with %d tracepoints", len(r.environment.Trace))}
	if r.environment.TraceLacks != nil {
		f.Found += "; this kernel lacks " + strings.Join(r.environment.TraceLacks, ", ")
	}
	var m *MissingError
	if errors.As(err, &m) {
		f.Found, f.Mend = m.What, m.Mend
	} else if err != nil {
		f.Found = err.Error()
	}
	d.add(f)
}

func (d *doctor) descriptors() {
	n, err := raiseDescriptors()
	d.tried("descriptors", fmt.Sprintf("ulimit -n allows %d, which is %d sockets for a run", n, max(0, n-spare)), err)
}

// sysctls tries to read and to write every sysctl that a lab pins, turns or reads.
func (d *doctor) sysctls(labs []*Lab) {
	var keys []string
	for _, s := range pinned {
		keys = append(keys, s.Key)
	}
	for _, l := range labs {
		for _, name := range l.Reads {
			keys = append(keys, name[strings.Index(name, ":")+1:])
		}
		for _, k := range l.Knobs {
			if k.Sysctl != "" {
				keys = append(keys, k.Sysctl[strings.Index(k.Sysctl, ":")+1:])
			}
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	writable := 0
	for _, key := range keys {
		now, err := sysctl.Read(key)
		if err == nil {
			err = sysctl.Write(key, now)
		}
		switch {
		case err == nil:
			writable++
		case errors.Is(err, sysctl.ErrUnknown):
			d.add(Finding{What: "sysctl", Found: key + ": this kernel has none; labs do without it"})
		default:
			d.add(Finding{What: "sysctl", Found: fmt.Sprintf("%s: %v", key, err), Needed: true})
		}
	}
	d.add(Finding{What: "sysctls", OK: writable > 0, Needed: true, Found: fmt.Sprintf("%d of %d that labs use can be read and written", writable, len(keys))})
}
