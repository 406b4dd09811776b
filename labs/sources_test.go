package labs_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
)

// readSections are the sections of RFCs that somebody has read for a claim or a
// text that cites them. Who cites another reads it, and adds it.
var readSections = map[string][]string{
	"1337": {"3"},
	"2525": {"2.17"},
	"6298": {"2", "3", "5"},
	"9293": {"2.2", "3.3.2", "3.4", "3.5", "3.5.1", "3.5.2", "3.5.3", "3.6", "3.6.1", "3.7.1", "3.7.2", "3.7.4", "3.8.1", "3.8.3", "3.8.4", "3.8.5", "3.8.6.1", "3.8.6.3", "3.9.1.2", "3.9.2.2", "3.10.4", "3.10.7.1", "3.10.7.2", "3.10.7.4", "3.10.8"},
}

// readPages are the manual pages that were read likewise.
var readPages = []string{
	"accept(2)", "bind(2)", "close(2)", "connect(2)", "dup(2)", "getpeername(2)", "ipv6(7)", "ip(7)", "listen(2)", "poll(2)", "recv(2)", "send(2)", "shutdown(2)", "socket(7)", "tcp(7)",
}

// readSysctls are the paragraphs of Documentation/networking/ip-sysctl.rst that were
// read likewise, in Linux 6.12.
var readSysctls = []string{
	"ip_local_reserved_ports", "tcp_abort_on_overflow", "tcp_early_retrans", "tcp_ecn", "tcp_ecn_fallback",
	"tcp_fastopen", "tcp_fastopen_key", "tcp_fin_timeout", "tcp_invalid_ratelimit", "tcp_max_syn_backlog", "tcp_max_tw_buckets",
	"tcp_app_win", "tcp_base_mss", "tcp_dsack", "tcp_frto", "tcp_max_reordering", "tcp_migrate_req", "tcp_min_snd_mss",
	"tcp_moderate_rcvbuf", "tcp_mtu_probe_floor", "tcp_mtu_probing", "tcp_min_rtt_wlen", "tcp_no_metrics_save", "tcp_no_ssthresh_metrics_save", "tcp_notsent_lowat", "tcp_pacing_ss_ratio", "tcp_probe_interval",
	"tcp_probe_threshold", "tcp_reflect_tos", "tcp_reordering", "tcp_retrans_collapse", "tcp_rfc1337", "tcp_rmem", "tcp_sack", "tcp_slow_start_after_idle", "tcp_syn_linear_timeouts", "tcp_syn_retries",
	"tcp_synack_retries", "tcp_thin_linear_timeouts", "tcp_timestamps", "tcp_tw_reuse", "tcp_wmem",
}

// The forms of a source, and of a citation in a text. docs/testing.md tells how
// each is checked.
var (
	anRFC    = regexp.MustCompile(`^RFC (\d+) (§[\d.]+)(, §[\d.]+| \((?:MUST|SHLD|MAY)-\d+\)|, (?:figure|case|note|group) \d+|, fix F\d|, [A-Z-]+ STATE)*$`)
	aPage    = regexp.MustCompile(`^([a-z0-9]+\(\d\))(, [A-Za-z0-9_ ]+)?(: “[^”]+”)?$`)
	inLinux  = regexp.MustCompile(`^((?:include|net)/\S+\.[ch]|Documentation/\S+\.rst): (\w+(?:, \w+)*)(?: \(since Linux \d+\.\d+\))?$`)
	nowhere  = regexp.MustCompile(`^(widely taught|documents from before Linux \d)`)
	section  = regexp.MustCompile(`RFC\s(\d+)((?:,?\s§[\d.]*\d|, figure \d+|, case \d+|, note \d+)+)`)
	number   = regexp.MustCompile(`§([\d.]*\d)`)
	sysctls  = regexp.MustCompile(`ip-sysctl\.rst: (\w+(?:, \w*_\w*)*)`)
	page     = regexp.MustCompile(`\b[a-z0-9]+\(\d\)`)
	citation = regexp.MustCompile(`((?:include|net)/[\w/.-]+\.[ch]|Documentation/[\w/.-]+\.rst): (\w+(?:, \w*_\w*)*)(?: \((since Linux \d+\.\d+)\))?`)
	// placed is a name in a text, with its file after it: "tcp_check_req (net/ipv4/tcp_minisocks.c)".
	placed = regexp.MustCompile(`(\w*_\w*)\s\(((?:include|net)/[\w/.-]+\.[ch])\)`)
)

func TestSources(t *testing.T) {
	for _, l := range labs.All() {
		for _, c := range l.Claims {
			for _, source := range strings.Split(c.Source, "; ") {
				first := slices.ContainsFunc([]*regexp.Regexp{anRFC, aPage, inLinux}, func(form *regexp.Regexp) bool { return form.MatchString(source) })
				if !first && !(c.Myth && nowhere.MatchString(source)) {
					t.Errorf("%s: %s: %q is no source of a known form: docs/testing.md has them", l.Name, c.ID, source)
				}
			}
		}
		for _, text := range texts(l) {
			for _, m := range section.FindAllStringSubmatch(text, -1) {
				for _, n := range number.FindAllStringSubmatch(m[2], -1) {
					if !slices.Contains(readSections[m[1]], n[1]) {
						t.Errorf("%s: nobody has read RFC %s §%s (read it, and add it to readSections): %s", l.Name, m[1], n[1], text)
					}
				}
			}
			for _, m := range sysctls.FindAllStringSubmatch(text, -1) {
				for _, key := range strings.Split(m[1], ", ") {
					if !slices.Contains(readSysctls, key) {
						t.Errorf("%s: nobody has read ip-sysctl.rst, %s (read it, and add it to readSysctls): %s", l.Name, key, text)
					}
				}
			}
			for _, p := range page.FindAllString(text, -1) {
				if !slices.Contains(readPages, p) {
					t.Errorf("%s: nobody has read %s (read it, and add it to readPages): %s", l.Name, p, text)
				}
			}
		}
	}
}

// texts are all the texts of a lab that may cite something.
func texts(l *lab.Lab) []string {
	all := []string{l.Long, l.Why}
	for _, c := range l.Claims {
		all = append(all, c.Text, c.Source, c.Truth)
	}
	return all
}

// TestCitedNames looks for each cited name in a kernel's source, in the folder
// $TCPLAB_LINUX. One that says since when it is there may be missing.
func TestCitedNames(t *testing.T) {
	linux := os.Getenv("TCPLAB_LINUX")
	if linux == "" {
		t.Skip("TCPLAB_LINUX does not name a kernel's source")
	}
	has := func(l *lab.Lab, file, name string) {
		source, err := os.ReadFile(filepath.Join(linux, file))
		if err != nil {
			t.Errorf("%s: %v", l.Name, err)
			return
		}
		// What stands at the beginning of a line is not only called there.
		if !regexp.MustCompile(`(?m)^(?:\S.*)?\b` + name + `\b|\b` + name + `\b[^\w(]`).Match(source) {
			t.Errorf("%s: %s has no %s, or no more than a call of it", l.Name, file, name)
		}
	}
	for _, l := range labs.All() {
		for _, text := range texts(l) {
			for _, m := range citation.FindAllStringSubmatch(text, -1) {
				for _, name := range strings.Split(m[2], ", ") {
					if m[3] == "" {
						has(l, m[1], name)
					}
				}
			}
			for _, m := range placed.FindAllStringSubmatch(text, -1) {
				has(l, m[2], m[1])
			}
		}
	}
}

// TestCitedPages looks for each cited part of a manual page (an option, an errno, a section)
// as the heading of one, in the folder $TCPLAB_MAN, which has man2 and man7 with the pages
// of the Linux man-pages, compressed by gzip as distributions have them.
func TestCitedPages(t *testing.T) {
	man := os.Getenv("TCPLAB_MAN")
	if man == "" {
		t.Skip("TCPLAB_MAN does not name a folder with manual pages")
	}
	cited := regexp.MustCompile(`^([a-z0-9]+)\((\d)\), ([A-Za-z0-9_ ]+)`)
	for _, l := range labs.All() {
		for _, c := range l.Claims {
			for _, source := range strings.Split(c.Source, "; ") {
				m := cited.FindStringSubmatch(source)
				if m == nil {
					continue
				}
				text, err := manual(man, "man"+m[2]+"/"+m[1]+"."+m[2])
				switch {
				case err != nil:
					t.Errorf("%s: %v", l.Name, err)
				case !regexp.MustCompile(`(?m)^\.(?:B|BR|I|IR|SH|SS|TP)\b.*\b` + regexp.QuoteMeta(m[3]) + `\b`).MatchString(text):
					t.Errorf("%s: %s: %s(%s) has no %s", l.Name, c.ID, m[1], m[2], m[3])
				}
			}
		}
	}
}

// manual reads a page, or the one that it refers to.
func manual(man, name string) (string, error) {
	file, err := os.Open(filepath.Join(man, name+".gz"))
	if err != nil {
		return "", err
	}
	defer file.Close()
	r, err := gzip.NewReader(file)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	if other, ok := strings.CutPrefix(string(text), ".so "); ok && err == nil {
		return manual(man, strings.TrimSpace(other))
	}
	return string(text), err
}
