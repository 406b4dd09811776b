package stack

import (
	"errors"
	"fmt"

	"github.com/tcplab/tcplab/labs/internal/sysctl"
)

// Pinned are the sysctls that decide behaviour and that a distribution, or
// another kernel's defaults, would change under a story. One that the kernel does
// not have is left out: what depends on it reads it.
var Pinned = []struct{ Key, Value string }{
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
		now, err := sysctl.Read(s.Key)
		if errors.Is(err, sysctl.ErrUnknown) {
			continue
		}
		if err == nil && now != s.Value {
			err = sysctl.Write(s.Key, s.Value)
			if err == nil {
				now, err = sysctl.Read(s.Key)
			}
		}
		if err != nil {
			return h.Wrap(fmt.Errorf("%s: %w", s.Key, err))
		}
		values[s.Key] = now
	}
	return nil
}
