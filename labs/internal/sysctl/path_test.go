package sysctl

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestPath(t *testing.T) {
	for _, test := range []struct{ key, want string }{
		{"net.ipv4.tcp_syn_retries", "/proc/sys/net/ipv4/tcp_syn_retries"},
		{"net.core.somaxconn", "/proc/sys/net/core/somaxconn"},
		{"net.ipv4.conf.all.rp_filter", "/proc/sys/net/ipv4/conf/all/rp_filter"},
		// As in sysctl(8), a slash stands for a dot in a name: eth0.100.
		{"net.ipv4.conf.eth0/100.rp_filter", "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"},
	} {
		if got, err := path(test.key); err != nil || got != test.want {
			t.Errorf("path(%q) = %q, %v, want %q", test.key, got, err, test.want)
		}
	}
}

// Everything but net.* belongs to the whole machine.
func TestPathRefuses(t *testing.T) {
	for _, key := range []string{
		"", ".", "..", "...", "net", "net.", "net..", "net.ipv4", "net..tcp_syn_retries", ".net.ipv4.x",
		"kernel.hostname", "kernel.core_pattern.x", "vm.swappiness.x", "Net.ipv4.x", "netx.ipv4.x", "/net.ipv4.x",
		"net./.x", "net.//.x", "net.//.//.kernel", "net.ipv4./", "net.ipv4.//", "net.ipv4.tcp_syn_retries.",
		"net/ipv4/tcp_syn_retries", "../../etc/passwd", "net.ipv4.a/../b", "net.ipv4.x\x00y", "net.ipv4.\x00",
	} {
		if got, err := path(key); !errors.Is(err, ErrUnknown) {
			t.Errorf("path(%q) = %q, %v; want ErrUnknown", key, got, err)
		}
	}
}

// Whatever the key is, the file is below /proc/sys/net and stays there.
func FuzzPath(f *testing.F) {
	for _, key := range []string{
		"net.ipv4.tcp_syn_retries", "net.ipv4.conf.eth0/100.rp_filter", "net..x", "net./.x", "net.//.//.x",
		"kernel.hostname", "../net.ipv4.x", "net.\x00.x", "net.ipv4.💥",
	} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		file, err := path(key)
		if err != nil {
			if file != "" || !errors.Is(err, ErrUnknown) {
				t.Errorf("path(%q) = %q, %v", key, file, err)
			}
			return
		}
		if !strings.HasPrefix(file, "/proc/sys/net/") || filepath.Clean(file) != file || strings.ContainsRune(file, 0) {
			t.Errorf("path(%q) = %q", key, file)
		}
		for name := range strings.SplitSeq(file, "/") {
			if name == ".." {
				t.Errorf("path(%q) = %q", key, file)
			}
		}
	})
}
