package labs_test

import (
	"slices"
	"testing"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

// What a long TestSweep has found, and a short one may pass by.
func TestSweepFound(t *testing.T) {
	t.Parallel()
	for _, found := range []struct{ setting, lab string }{
		{"net.core.somaxconn=0", "tailloss"},
		{"net.core.somaxconn=0", "window"},
		{"net.core.somaxconn=1", "negotiate"},
		{"net.core.somaxconn=2", "lostack"},
		{"net.ipv4.tcp_abort_on_overflow=1", "reuseport"},
		{"net.ipv4.tcp_app_win=1", "window"},
		{"net.ipv4.tcp_comp_sack_nr=3", "reneging"},
		{"net.ipv4.tcp_early_retrans=3", "slowstart"},
		{"net.ipv4.tcp_ecn_fallback=0", "ecn"},
		{"net.ipv4.tcp_fin_timeout=1000", "bucket"},
		{"net.ipv4.tcp_fin_timeout=1000", "ratelimit"},
		{"net.ipv4.tcp_thin_linear_timeouts=1", "usertimeout"},
		{"net.ipv4.tcp_max_reordering=1", "lostagain"},
		{"net.ipv4.tcp_min_snd_mss=1000", "mtuprobe"},
		{"net.ipv4.tcp_min_rtt_wlen=0", "rtt"},
		{"net.ipv4.tcp_mtu_probing=2", "negotiate"},
		{"net.ipv4.tcp_notsent_lowat=0", "abortclose"},
		{"net.ipv4.tcp_notsent_lowat=0", "autotuning"},
		{"net.ipv4.tcp_notsent_lowat=0", "handshake"},
		{"net.ipv4.tcp_notsent_lowat=1", "mtuprobe"},
		{"net.ipv4.tcp_notsent_lowat=1", "relisten"},
		{"net.ipv4.tcp_notsent_lowat=1", "slowstart"},
		{"net.ipv4.tcp_pacing_ss_ratio=1000", "rtt"},
		{"net.ipv4.tcp_pingpong_thresh=3", "delack"},
		{"net.ipv4.tcp_recovery=5", "mtuprobe"},
		{"net.ipv4.tcp_reflect_tos=1", "ipheader"},
		{"net.ipv4.tcp_retries2=0", "linger"},
		{"net.ipv4.tcp_retries2=0", "mtu"},
		{"net.ipv4.tcp_retries2=0", "mtuprobe"},
		{"net.ipv4.tcp_retries2=0", "nagle"},
		{"net.ipv4.tcp_rmem=4096 4096 4096", "mtu"},
		{"net.ipv4.tcp_rmem=4096 4096 4096", "negotiate"},
		{"net.ipv4.tcp_rmem=4096 4096 4096", "stream"},
		{"net.ipv4.tcp_rto_min_us=1", "mtu"},
		{"net.ipv4.tcp_rto_min_us=1000", "zerowindow"},
		{"net.ipv4.tcp_rto_min_us=1000000", "rtt"},
		{"net.ipv4.tcp_rto_min_us=2", "slowstart"},
		{"net.ipv4.tcp_rto_min_us=3", "delack"},
		{"net.ipv4.tcp_shrink_window=1", "reneging"},
		{"net.ipv4.tcp_shrink_window=1", "window"},
		{"net.ipv4.tcp_syncookies=2", "earlyclose"},
		{"net.ipv4.tcp_syncookies=2", "fastopen"},
		{"net.ipv4.tcp_syncookies=2", "negotiate"},
		{"net.ipv4.tcp_syncookies=2", "reuseport"},
		{"net.ipv4.tcp_syncookies=2", "spurious"},
		{"net.ipv4.tcp_syncookies=2", "zerowindow"},
		{"net.ipv4.tcp_thin_linear_timeouts=1", "lostdata"},
		{"net.ipv4.tcp_thin_linear_timeouts=1", "rtt"},
		{"net.ipv4.tcp_wmem=4096 4096 4096", "fastretransmit"},
		{"net.ipv4.tcp_wmem=4096 4096 4096", "reorder"},
		{"net.ipv4.tcp_wmem=4096 4096 4096", "rtolimits"},
		{"net.ipv4.tcp_wmem=4096 4096 4096", "spurious"},
		{"net.ipv4.tcp_wmem=4096 4096 4096", "stream"},
		{"net.ipv4.tcp_wmem=4096 4096 4096", "tailloss"},
	} {
		t.Run(found.lab+" "+found.setting, func(t *testing.T) {
			t.Parallel()
			s, err := lab.ParseSysctl(found.setting)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(labs.All(), func(l *lab.Lab) bool { return l.Name == found.lab })
			r := labtest.Run(t, labs.All()[i], lab.Options{Sysctls: []lab.Sysctl{s}})
			if r.Outcome != record.Expected && r.Late == nil {
				t.Errorf("%s: %s", r.Outcome, r.Error)
				for _, c := range r.Claims {
					if c.Surprise {
						t.Logf("%s: %v, expected %v", c.ID, c.Evidence, c.Expected)
					}
				}
			}
		})
	}
}
