package coverage

import "strings"

// sysctlNames are those of net.ipv4.tcp_* of Linux 6.18.
const sysctlNames = `
abort_on_overflow adv_win_scale allowed_congestion_control app_win autocorking
available_congestion_control available_ulp backlog_ack_defer base_mss
challenge_ack_limit child_ehash_entries comp_sack_delay_ns comp_sack_nr
comp_sack_slack_ns congestion_control dsack early_demux early_retrans ecn ecn_fallback
ecn_option ecn_option_beacon ehash_entries fack fastopen fastopen_blackhole_timeout_sec
fastopen_key fin_timeout frto fwmark_accept invalid_ratelimit keepalive_intvl
keepalive_probes keepalive_time l3mdev_accept limit_output_bytes low_latency max_orphans
max_reordering max_syn_backlog max_tw_buckets mem migrate_req min_rtt_wlen min_snd_mss
min_tso_segs moderate_rcvbuf mtu_probe_floor mtu_probing no_metrics_save
no_ssthresh_metrics_save notsent_lowat orphan_retries pacing_ca_ratio pacing_ss_ratio
pingpong_thresh plb_cong_thresh plb_enabled plb_idle_rehash_rounds plb_rehash_rounds
plb_suspend_rto_sec probe_interval probe_threshold recovery reflect_tos reordering
retrans_collapse retries1 retries2 rfc1337 rmem rto_max_ms rto_min_us sack shrink_window
slow_start_after_idle stdurg syn_linear_timeouts syn_retries synack_retries syncookies
thin_linear_timeouts timestamps tso_rtt_log tso_win_divisor tw_reuse tw_reuse_delay
window_scaling wmem workaround_signed_windows`

// sysctlCandidates are all of them. One is witnessed where a lab turns or reads it:
// what it says of the behaviour then rests on the sysctl's value.
func sysctlCandidates() []candidate {
	var all []candidate
	for _, name := range strings.Fields(sysctlNames) {
		key := "net.ipv4.tcp_" + name
		all = append(all, candidate{"tcp_" + name, "", func(f *facts) bool { return f.sysctls[key] }, whyNot(sysctlWhys, name)})
	}
	return all
}

// A why is the reason that some names have in common; a name may end in *.
type why struct{ names, why string }

// whyNot returns the reason for a name, or "".
func whyNot(table []why, name string) string {
	for _, w := range table {
		for _, n := range strings.Fields(w.names) {
			if n == name || strings.HasSuffix(n, "*") && strings.HasPrefix(name, n[:len(n)-1]) {
				return w.why
			}
		}
	}
	return ""
}

// sysctlWhys say why no lab turns a sysctl.
var sysctlWhys = []why{
	{"mem max_orphans available_ulp", "one for the whole machine: a private namespace has none of its own"},
	{"allowed_congestion_control available_congestion_control ehash_entries", "read-only in a private namespace"},
	{"child_ehash_entries", "it sizes the tables of namespaces that are made afterwards, which no segment shows"},
	{"fack low_latency", "without effect: ip-sysctl calls it a legacy option"},
	{"adv_win_scale", "obsolete since Linux 6.6, says ip-sysctl"},
	{"early_demux l3mdev_accept fwmark_accept", "about routing domains, marks and speed, not about segments"},
	{"autocorking", "pinned to 0 in all labs: it depends on a device's queue"},
	{"limit_output_bytes min_tso_segs tso_win_divisor tso_rtt_log", "about queues and offloads, of which the wire has none"},
	{"pacing_ca_ratio", "to congestion avoidance what pacing_ss_ratio is to slow start, which rtt shows"},
	{"backlog_ack_defer", "needs segments that arrive while a call holds the socket: in a lab both never happen at once"},
	{"comp_sack_*", "labs turn compressed ACKs off (tcp_comp_sack_nr 0): they depend on the clock"},
	{"moderate_rcvbuf congestion_control", "pinned in all labs, so that runs are alike; --sysctl changes it"},
	{"plb_*", "needs a congestion control that uses it (DCTCP), and several paths"},
	{"ecn_option ecn_option_beacon", "needs Accurate ECN"},
	{"probe_interval", "how long until the search of mtuprobe begins anew: ten minutes, and a lab is over before"},
	{"fastopen_blackhole_timeout_sec fastopen_key", "about Fast Open in networks that drop it, and about several servers with one key"},
}
