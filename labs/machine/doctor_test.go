package machine_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/machine"
)

// What a machine lacks is said by doctor, with the command that mends it, and by
// whatever needs it; and nothing else is said to be missing.
func TestLacks(t *testing.T) {
	labtest.SkipIfMissing(t, machine.InConnection(t.Context(), false, func(int) error { return nil }))
	const userns = "a run needs a user and network namespace of its own"
	for change, test := range map[string]struct {
		what  string // in doctor's words; "" for nothing
		found string // and how that begins
		// run is what a connection needs, with its two hosts. all is set where
		// one namespace needs it as well.
		run refusal
		all bool
	}{
		"nothing":        {},
		"no node":        {"/dev/net/tun", "/dev/net/tun: open: no such file", refusal{What: "a run needs /dev/net/tun", Mend: "sudo modprobe tun"}, false},
		"closed node":    {"/dev/net/tun", "/dev/net/tun: open: permission denied", refusal{What: "a run needs to open /dev/net/tun", Mend: "sudo chmod 0666 /dev/net/tun"}, false},
		"another node":   {"/dev/net/tun", "/dev/net/tun: ioctl TUNSETIFF: ", refusal{Error: "client: TUN device: /dev/net/tun: ioctl TUNSETIFF: inappropriate ioctl for device"}, false},
		"no namespaces":  {"network namespace", "unshare: no space left", refusal{What: "a run needs two network namespaces", Mend: "sudo sysctl user.max_net_namespaces=1000"}, true},
		"one namespace":  {"network namespace", "unshare: no space left", refusal{What: "a run needs two network namespaces", Mend: "sudo sysctl user.max_net_namespaces=1000"}, false},
		"no admin":       {"network namespace", "unshare: operation not permitted", refusal{What: userns, Mend: "run it as root, or: sudo sysctl "}, true},
		"no net admin":   {"/dev/net/tun", "/dev/net/tun: ioctl TUNSETIFF: ", refusal{What: "a run needs CAP_NET_ADMIN", Mend: "run it as root; in a container, with --cap-add=NET_ADMIN"}, false},
		"descriptors":    {"descriptors", "ulimit -n allows 39", refusal{}, false},
		"sysctls hidden": {"sysctls", "no such sysctl", refusal{What: "a run needs to set sysctls", Mend: "in a container, with --security-opt systempaths=unconfined (podman: unmask=ALL)"}, false},
		"sysctls masked": {"sysctls", "open: read-only file system", refusal{What: "a run needs to set sysctls", Mend: "in a container, with --security-opt systempaths=unconfined (podman: unmask=ALL)"}, false},
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			a := with(t, change)
			if !a.Privileged {
				t.Error("it does not know that it is in a user namespace")
			}
			a.found(t, "kernel")
			a.lacks(t, test.what, test.found, test.run.Mend)
			a.refuses(t, test.run, test.all)
			want := refusal{}
			if change == "descriptors" {
				want = refusal{"a run needs 40 descriptors (ulimit -n allows 39); to fix it: ulimit -n 1024", "a run needs 40 descriptors", "ulimit -n 1024"}
			}
			if diff := cmp.Diff(want, a.Descriptors); diff != "" {
				t.Errorf("of descriptors (-want +got):\n%s", diff)
			}
		})
	}
}

// lacks wants doctor to find a thing missing, and what follows from it.
func (a answer) lacks(t *testing.T, what, found, mend string) {
	t.Helper()
	if what != "" {
		a.found(t, what)
	}
	for _, f := range a.Findings {
		// Without sysctls no low port; and an ordinary user without CAP_NET_ADMIN sets none.
		follows := f.What != what && mend != "" && strings.HasPrefix(f.Mend, mend) && (f.What == "low ports" || f.What == "sysctls")
		switch {
		case !f.Needed || follows:
		case f.OK != (f.What != what):
			t.Errorf("doctor finds %+v", f)
		case f.What == what && !strings.HasPrefix(f.Found, found):
			t.Errorf("doctor finds %+v, want %s…", f, found)
		case f.What == what && mend != "" && !strings.HasPrefix(f.Mend, mend):
			t.Errorf("doctor finds %+v, to be mended by %s", f, mend)
		}
	}
}

// refuses wants a connection to be refused, and a namespace where all is set.
func (a answer) refuses(t *testing.T, want refusal, all bool) {
	t.Helper()
	for name, got := range map[string]refusal{"connection": a.Connection4, "connection on IPv6": a.Connection6, "namespace": a.Namespace} {
		want := want
		switch {
		case name == "namespace" && want.What == "a run needs two network namespaces" && !all:
			continue // the one may not have gone yet with which doctor has tried
		case name == "namespace" && !all:
			want = refusal{}
		case name == "connection on IPv6" && want.What == "a run needs to set sysctls" && got.What == "--ipv6 needs IPv6":
			continue // without sysctls it looks so
		}
		if got.What != want.What || !strings.HasPrefix(got.Mend, want.Mend) || want.What == "" && got.Error != want.Error {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// On this machine, as it is, doctor and what it is about are of one mind.
func TestDoctor(t *testing.T) {
	labtest.SkipIfMissing(t, machine.InNamespace(func() {}))
	a := answer{Findings: machine.Doctor([]string{"net.ipv4.tcp_nosuch"})}
	sound := true
	for _, f := range a.Findings {
		if f.What == "" || f.Found == "" || f.OK && f.Mend != "" {
			t.Errorf("%+v", f)
		}
		sound = sound && (f.OK || !f.Needed)
	}
	if f := a.found(t, "sysctl"); f.OK || f.Needed || !strings.HasPrefix(f.Found, "net.ipv4.tcp_nosuch: this kernel has none") {
		t.Errorf("of a sysctl that is not there: %+v", f)
	}
	if err := machine.InConnection(t.Context(), false, func(int) error { return nil }); (err == nil) != sound {
		t.Errorf("all that is needed is there: %t, and a connection: %v", sound, err)
	}
}
