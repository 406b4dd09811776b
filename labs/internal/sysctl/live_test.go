package sysctl_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
)

const synRetries = "net.ipv4.tcp_syn_retries"

func read(t *testing.T, key string) string {
	t.Helper()
	value, err := sysctl.Read(key)
	if err != nil {
		t.Fatalf("Read(%s): %v", key, err)
	}
	return value
}

func TestReadAndWrite(t *testing.T) {
	outside := read(t, synRetries)
	need.Namespace(t, func(*netns.Thread) {
		for _, test := range []struct{ key, write, want string }{
			{synRetries, "1", "1"},
			{synRetries, " 127\n", "127"},
			// A list is read with single spaces, as it is written.
			{"net.ipv4.tcp_rmem", "4096 8192 16384", "4096 8192 16384"},
			{"net.ipv4.ip_local_port_range", "40000\t40001", "40000 40001"},
			{"net.ipv4.tcp_congestion_control", "reno", "reno"},
			{"net.ipv4.conf.lo.rp_filter", "1", "1"},
		} {
			if err := sysctl.Write(test.key, test.write); err != nil {
				t.Errorf("Write(%s, %q): %v", test.key, test.write, err)
			} else if got := read(t, test.key); got != test.want {
				t.Errorf("%s: wrote %q, read %q, want %q", test.key, test.write, got, test.want)
			}
		}
		for _, test := range []struct{ key, set, want string }{
			{synRetries, "3", "3"},
			{synRetries, "3", "3"}, // as it is already
			{"net.ipv4.tcp_rmem", "4096\t8192 16385", "4096 8192 16385"},
		} {
			if got, err := sysctl.Set(test.key, test.set); err != nil || got != test.want {
				t.Errorf("Set(%s, %q) = %q, %v; want %q", test.key, test.set, got, err, test.want)
			}
		}
	})
	if now := read(t, synRetries); now != outside {
		t.Errorf("%s outside of the namespace is now %s, was %s", synRetries, now, outside)
	}
}

func TestErrors(t *testing.T) {
	need.Namespace(t, func(*netns.Thread) {
		for _, key := range []string{
			"net.ipv4.tcp_nosuch", "net.nosuch.x", "kernel.hostname", "",
			"net.ipv4.conf",   // a directory
			synRetries + ".x", // no directory
			"net.ipv4." + strings.Repeat("x", 300),
			"net.ipv4.tcp_mem",            // the whole machine's
			"net.core.netdev_max_backlog", // the same
		} {
			if value, err := sysctl.Read(key); !errors.Is(err, sysctl.ErrUnknown) {
				t.Errorf("Read(%s) = %q, %v; want ErrUnknown", key, value, err)
			}
			if err := sysctl.Write(key, "1"); !errors.Is(err, sysctl.ErrUnknown) {
				t.Errorf("Write(%s): %v; want ErrUnknown", key, err)
			}
			if value, err := sysctl.Set(key, "1"); !errors.Is(err, sysctl.ErrUnknown) {
				t.Errorf("Set(%s) = %q, %v; want ErrUnknown", key, value, err)
			}
		}
		const readOnly = "net.ipv4.tcp_available_congestion_control"
		if err := sysctl.Write(readOnly, read(t, readOnly)); !errors.Is(err, sysctl.ErrReadOnly) {
			t.Errorf("Write(%s): %v; want ErrReadOnly", readOnly, err)
		}
		if value, err := sysctl.Set(readOnly, read(t, readOnly)); !errors.Is(err, sysctl.ErrReadOnly) {
			t.Errorf("Set(%s) = %q, %v; want ErrReadOnly", readOnly, value, err)
		}
		const writeOnly = "net.ipv4.route.flush"
		if value, err := sysctl.Read(writeOnly); !errors.Is(err, unix.EACCES) || errors.Is(err, sysctl.ErrReadOnly) {
			t.Errorf("Read(%s) = %q, %v; want EACCES", writeOnly, value, err)
		}
		for _, value := range []string{"0", "128", "-1", "many"} {
			if err := sysctl.Write(synRetries, value); !errors.Is(err, unix.EINVAL) {
				t.Errorf("Write(%s, %q): %v; want EINVAL", synRetries, value, err)
			}
		}
	})
}

func TestAllowed(t *testing.T) {
	need.Namespace(t, func(*netns.Thread) {
		// These ranges are the same in all kernels since Linux 5.13.
		for _, test := range []struct{ key, now, want string }{
			{synRetries, "5", "1 to 127"},
			{synRetries, "1", "1 to 127"},
			{synRetries, "127", "1 to 127"},
			{"net.ipv4.tcp_retries2", "15", "0 to 255"},
			{"net.core.somaxconn", "4096", "0 to 2147483647"},
			{"net.ipv4.tcp_max_syn_backlog", "60", "-2147483648 to 2147483647"},
			{"net.ipv4.tcp_rmem", "4096 8192 16384", `a value like "4096 8192 16384"`},
		} {
			if err := sysctl.Write(test.key, test.now); err != nil {
				t.Errorf("Write(%s, %s): %v", test.key, test.now, err)
				continue
			}
			if got := sysctl.Allowed(test.key); got != test.want {
				t.Errorf("Allowed(%s) = %q, want %q", test.key, got, test.want)
			}
			if now := read(t, test.key); now != test.now {
				t.Errorf("Allowed(%s) has left it at %s, was %s", test.key, now, test.now)
			}
		}
		if got := sysctl.Allowed("net.ipv4.tcp_nosuch"); got != "a value that the kernel accepts" {
			t.Errorf("Allowed of none = %q", got)
		}
		const readOnly = "net.ipv4.tcp_ehash_entries" // since Linux 6.2
		_, err := sysctl.Read(readOnly)
		if got := sysctl.Allowed(readOnly); err == nil && !strings.HasSuffix(got, "it can't be changed") {
			t.Errorf("Allowed of a read-only sysctl = %q", got)
		}
	})
}

func TestAllowedCongestionControl(t *testing.T) {
	need.Namespace(t, func(*netns.Thread) {
		const key = "net.ipv4.tcp_congestion_control"
		list := read(t, "net.ipv4.tcp_allowed_congestion_control")
		want := "one of " + list
		if list == read(t, key) {
			want = `a value like "` + list + `"`
		}
		if got := sysctl.Allowed(key); got != want {
			t.Errorf("Allowed(%s) = %q, want %q", key, got, want)
		}
	})
}

func TestMachine(t *testing.T) {
	if got := sysctl.Machine("kernel/ostype"); got != "Linux" {
		t.Errorf("kernel/ostype is %q", got)
	}
	if got := sysctl.Machine("kernel/nosuch"); got != "" {
		t.Errorf("kernel/nosuch is %q", got)
	}
}
