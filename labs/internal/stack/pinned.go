package stack

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/internal/sysctl"
)

// A Setting is a sysctl with a value.
type Setting struct{ Key, Value string }

// Pinned are the sysctls that decide behaviour and that a distribution, or
// another kernel's defaults, would change under a story. One that the kernel does
// not have is left out: what depends on it reads it.
var Pinned = []Setting{
	{"net.ipv4.tcp_abort_on_overflow", "0"},
	{"net.ipv4.tcp_autocorking", "0"},           // a small write is not held back for more
	{"net.ipv4.tcp_comp_sack_nr", "0"},          // no ACK with SACK blocks is put off
	{"net.ipv4.tcp_congestion_control", "reno"}, // the one that is always there
	{"net.ipv4.tcp_early_retrans", "0"},         // no tail loss probes before the RTO
	{"net.ipv4.tcp_ecn", "2"},
	{"net.ipv4.tcp_fastopen", "1"},
	{"net.ipv4.tcp_fin_timeout", "60"},
	{"net.ipv4.tcp_moderate_rcvbuf", "0"}, // a receive buffer stays as it is
	{"net.ipv4.tcp_no_metrics_save", "1"}, // no connection inherits another's RTT
	{"net.ipv4.tcp_orphan_retries", "3"},  // for whoever kills a run after a close: see ARCHITECTURE.md
	{"net.ipv4.tcp_recovery", "1"},
	{"net.ipv4.tcp_reordering", "3"},
	{"net.ipv4.tcp_retries2", "15"},
	{"net.ipv4.tcp_rfc1337", "0"},
	{"net.ipv4.tcp_rmem", "4096 131072 6291456"}, // decides the window scale
	{"net.ipv4.tcp_sack", "1"},
	{"net.ipv4.tcp_slow_start_after_idle", "1"},
	{"net.ipv4.tcp_syn_linear_timeouts", "4"},
	{"net.ipv4.tcp_syn_retries", "6"},
	{"net.ipv4.tcp_synack_retries", "5"},
	{"net.ipv4.tcp_syncookies", "1"},
	{"net.ipv4.tcp_timestamps", "1"},
	{"net.ipv4.tcp_tw_reuse", "2"},
	{"net.ipv4.tcp_window_scaling", "1"},
	{"net.ipv4.tcp_wmem", "4096 16384 4194304"},
}

// Pin sets the pinned sysctls of the calling thread's namespace, and puts their
// values, as read back, into values.
func (h *Host) Pin(values map[string]string) error {
	for _, s := range Pinned {
		now, err := sysctl.Set(s.Key, s.Value)
		if errors.Is(err, sysctl.ErrUnknown) {
			continue
		}
		if err != nil {
			return h.Wrap(fmt.Errorf("%s: %w", s.Key, err))
		}
		values[s.Key] = now
	}
	return nil
}

// Own are the values that the calling thread's namespace, this machine's, has of all
// sysctls of TCP and of keys, without those that it has not. Left out is the key of
// Fast Open, which is a secret.
func Own(keys []string) ([]Setting, error) {
	files, err := os.ReadDir("/proc/sys/net/ipv4")
	if err != nil {
		return nil, err
	}
	keys = slices.Clone(keys)
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "tcp_") && f.Name() != "tcp_fastopen_key" {
			keys = append(keys, "net.ipv4."+f.Name())
		}
	}
	slices.Sort(keys)
	var own []Setting
	for _, key := range slices.Compact(keys) {
		value, err := sysctl.Read(key)
		switch {
		case errors.Is(err, sysctl.ErrUnknown), err == nil && value == "": // as tcp_available_ulp
			continue
		case err != nil:
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		own = append(own, Setting{key, value})
	}
	return own, nil
}

// A RefusedError says that the kernel does not take a machine's own setting in a
// network namespace.
type RefusedError struct {
	Setting
	Err error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the kernel refuses this machine's %s=%s in a private network namespace: %v", e.Key, e.Value, e.Err)
}

func (e *RefusedError) Unwrap() error { return e.Err }

// Adopt sets the calling thread's namespace as the machine's own is, and puts the
// values, as read back, into values. What a namespace has not for itself, or can't
// change, is the whole machine's, and in force anyhow.
func (h *Host) Adopt(own []Setting, values map[string]string) error {
	for _, s := range own {
		now, err := sysctl.Set(s.Key, s.Value)
		switch {
		case errors.Is(err, sysctl.ErrUnknown), errors.Is(err, sysctl.ErrReadOnly):
			continue
		case err != nil:
			return h.Wrap(&RefusedError{s, err})
		}
		values[s.Key] = now
	}
	return nil
}

// Differing are the pinned settings of which this machine's own, in the calling
// thread's namespace, is another: each with the machine's value.
func Differing() []Setting {
	var others []Setting
	for _, s := range Pinned {
		if now, err := sysctl.Read(s.Key); err == nil && now != s.Value {
			others = append(others, Setting{s.Key, now})
		}
	}
	return others
}
