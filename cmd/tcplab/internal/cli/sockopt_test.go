package cli

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/sockopt"
)

// run runs tcplab in this process.
func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	out, errs := file(t), file(t)
	status = Main(args, out, errs)
	return status, content(t, out), content(t, errs)
}

func file(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func content(t *testing.T, f *os.File) string {
	t.Helper()
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// needHosts skips a test where this process can't make hosts: network namespaces, for
// which TestMain has started an ordinary user's again, and the devices in them.
func needHosts(t *testing.T) {
	t.Helper()
	for _, f := range machine.Doctor(nil) {
		if f.Needed && !f.OK {
			skipOrFail(t, f.What+": "+f.Found)
		}
	}
}

func skipOrFail(t *testing.T, missing any) {
	t.Helper()
	if os.Getenv("TCPLAB_REQUIRE_PRIV") == "1" {
		t.Fatalf("TCPLAB_REQUIRE_PRIV=1: missing is %v", missing)
	}
	t.Skipf("missing is %v", missing)
}

func sockoptJSON(t *testing.T, args ...string) (sockoptTable, map[string]sockoptRow) {
	t.Helper()
	status, out, errs := run(t, append([]string{"sockopt", "--json"}, args...)...)
	if status != exitOK || errs != "" || strings.Count(out, "\n") != 1 {
		t.Fatalf("%v: exit status %d, %q, %d lines", args, status, errs, strings.Count(out, "\n"))
	}
	var table sockoptTable
	if err := json.Unmarshal([]byte(out), &table); err != nil {
		t.Fatal(err)
	}
	rows := map[string]sockoptRow{}
	for _, r := range table.Options {
		rows[r.Name] = r
	}
	return table, rows
}

func TestSockoptShowsEveryOption(t *testing.T) {
	needHosts(t)
	for socket, want := range map[string]struct {
		flags                  []string
		state, acceptconn, mtu string
	}{
		freshSocket: {nil, "CLOSE", "off", "ENOTCONN"},
		listener:    {[]string{"--listen"}, "LISTEN", "on", "ENOTCONN"},
		established: {[]string{"--established"}, "ESTABLISHED", "off", ""},
	} {
		t.Run(socket, func(t *testing.T) {
			table, rows := sockoptJSON(t, want.flags...)
			if table.Schema != "tcplab.sockopt/1" || table.Socket != socket || table.Namespace != "private" || table.Kernel == "" {
				t.Errorf("%+v", table)
			}
			for _, e := range sockopt.All() {
				if r := rows[e.Name]; r.Status == "" || r.Go == "" || r.Summary == "" || len(r.Text) == 0 {
					t.Errorf("%s: %+v", e.Name, r)
				}
			}
			if v := rows["TCP_INFO"].Value; !strings.HasPrefix(v, want.state) {
				t.Errorf("TCP_INFO is %q", v)
			}
			if v := rows["SO_ACCEPTCONN"].Value; v != want.acceptconn {
				t.Errorf("SO_ACCEPTCONN is %q", v)
			}
			for _, name := range []string{"IP_MTU", "IPV6_MTU"} {
				if r := rows[name]; r.Errno != want.mtu || (r.Value == "") == (want.mtu == "") {
					t.Errorf("%s is %q, %q", name, r.Value, r.Errno)
				}
			}
			if v := rows["SO_LINGER"].Value; v != "off" {
				t.Errorf("SO_LINGER is %q", v)
			}
			if r := rows["TCP_KEEPIDLE"]; r.Value != r.SysctlValue {
				t.Errorf("TCP_KEEPIDLE is %q, its sysctl %q", r.Value, r.SysctlValue)
			}
		})
	}
}

// The host's sockets have the cookie of the host's namespace.
func TestSockoptOpensNothingOnTheHost(t *testing.T) {
	needHosts(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	host, err := sockopt.Get(fd, sockopt.NetnsCookie)
	if err != nil {
		t.Skip(err)
	}
	for _, flag := range []string{"--json", "--listen", "--established"} {
		_, rows := sockoptJSON(t, "netns_cookie", flag)
		if rows["SO_NETNS_COOKIE"].Value == strconv.FormatUint(host, 10) {
			t.Errorf("%s: the socket is in the host's namespace", flag)
		}
	}
}

func TestSockoptFitsTheTerminal(t *testing.T) {
	table := &sockoptTable{Kernel: "6.18", Socket: freshSocket, Namespace: "host"}
	for _, e := range sockopt.All() {
		table.Options = append(table.Options, newSockoptRow(e))
	}
	if err := table.readUnconnected(); err != nil {
		t.Fatal(err)
	}
	escape := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, width := range []int{80, 100, 120} {
		for _, ascii := range []bool{false, true} {
			var b strings.Builder
			p := sockoptPrinter{printer{w: &b, width: width, color: !ascii, ascii: ascii}}
			p.table(table)
			p.pages(table)
			if colored := escape.MatchString(b.String()); colored == ascii {
				t.Errorf("width %d: colour is %t", width, colored)
			}
			for line := range strings.Lines(escape.ReplaceAllString(b.String(), "")) {
				line = strings.TrimSuffix(line, "\n")
				if n := utf8.RuneCountInString(line); n > width || strings.HasSuffix(line, " ") {
					t.Errorf("width %d: %d columns: %q", width, n, line)
				}
				if ascii && len(line) != utf8.RuneCountInString(line) {
					t.Errorf("not ASCII: %q", line)
				}
			}
		}
	}
}

func TestSockoptExplains(t *testing.T) {
	needHosts(t)
	for _, name := range []string{"TCP_KEEPIDLE", "tcp_keepidle", "KeepIdle"} {
		status, out, errs := run(t, "sockopt", name)
		if status != exitOK || errs != "" {
			t.Fatalf("%s: exit status %d, %s", name, status, errs)
		}
		for _, want := range []string{
			"with SO_KEEPALIVE must be idle", "7200 seconds on a fresh TCP socket", "1 to 32767 seconds",
			"net.ipv4.tcp_keepalive_time = 7200", "Linux 2.4", "4 of level IPPROTO_TCP (6)",
			"sockopt.Get(fd, sockopt.KeepIdle)", "sockopt.Set(fd, sockopt.KeepIdle, v)",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", name, want, out)
			}
		}
	}
	_, out, _ := run(t, "sockopt", "mtu")
	if !strings.Contains(out, "IP_MTU\n") || !strings.Contains(out, "IPV6_MTU\n") {
		t.Errorf("mtu is two options:\n%s", out)
	}
	if _, rows := sockoptJSON(t, "so_error"); !slices.Contains(rows["SO_ERROR"].Labs, "noaccept") {
		t.Errorf("SO_ERROR: %v", rows["SO_ERROR"].Labs)
	}
	if _, rows := sockoptJSON(t, "tcp_info", "--established"); len(rows["TCP_INFO"].Fields) < 40 {
		t.Errorf("TCP_INFO: %v", rows["TCP_INFO"].Fields)
	}
}

func TestSockoptRefusesWrongUsage(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"nodelya", `tcplab: sockopt: no socket option "nodelya": did you mean TCP_NODELAY?`},
		{"TCP_KEEPIDEL", `tcplab: sockopt: no socket option "TCP_KEEPIDEL": did you mean TCP_KEEPIDLE?`},
		{"rcvbu", `tcplab: sockopt: no socket option "rcvbu": did you mean SO_RCVBUF or SO_RCVBUFFORCE?`},
		{"x", `tcplab: sockopt: no socket option "x": tcplab sockopt lists them`},
		{"mtu ttl", `tcplab: sockopt: want one NAME, got 2`},
		{"--listen --established", `tcplab: sockopt: --listen and --established are two sockets: want one of them`},
		{"--listne", `tcplab: unknown flag: --listne: did you mean --listen? (see tcplab sockopt --help)`},
	} {
		status, out, errs := run(t, append([]string{"sockopt"}, strings.Fields(c.args)...)...)
		if status != exitUsage || out != "" || errs != c.want+"\n" {
			t.Errorf("%s: exit status %d, %q, %q, want %q", c.args, status, out, errs, c.want)
		}
	}
}

// An ordinary user, with and without namespaces.
func TestSockoptUnprivileged(t *testing.T) {
	needHosts(t)
	if machine.InsideUserns() {
		skipOrFail(t, "root, to become another user")
	}
	dir, err := os.MkdirTemp("", "tcplab") // t.TempDir is for its owner alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	tcplab := filepath.Join(dir, "tcplab")
	if out, err := exec.Command("go", "build", "-o", tcplab, "github.com/tcplab/tcplab/cmd/tcplab").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	nobody := func(env string, args ...string) (status int, stdout, stderr string) {
		var out, errs strings.Builder
		cmd := exec.Command(tcplab, args...)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", append(os.Environ(), env), &out, &errs
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		err := cmd.Run()
		if err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), out.String(), errs.String()
	}

	// As if this were in a user namespace that allows no network namespace.
	none := "TCPLAB_INSIDE_USERNS=1"
	status, out, errs := nobody(none, "sockopt")
	if status != exitOK || !strings.Contains(strings.Join(strings.Fields(out), " "), "in this host's network namespace") || !strings.Contains(out, "TCP_NODELAY") {
		t.Errorf("without namespaces: exit status %d, %s\n%.300s", status, errs, out)
	}
	for _, flag := range []string{"--listen", "--established"} {
		status, out, errs = nobody(none, "sockopt", flag)
		if status != exitUnable || out != "" || !strings.Contains(errs, "a run needs a user and network namespace") || strings.Count(errs, "\n") != 1 {
			t.Errorf("without namespaces, %s: exit status %d, %q, %q", flag, status, errs, out)
		}
	}

	status, out, errs = nobody("", "sockopt", "--listen", "--json")
	if status == exitUnable {
		skipOrFail(t, errs)
	}
	if status != exitOK || !strings.Contains(out, `"namespace":"private"`) || !strings.Contains(out, `"LISTEN `) {
		t.Errorf("exit status %d, %s\n%.300s", status, errs, out)
	}
}
