package free

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/record"
)

// nginxConf is a configuration for nginx in a directory of the test's own. There is a
// page of a few bytes, and one of a million.
func nginxConf(t *testing.T) (command string) {
	t.Helper()
	dir := t.TempDir()
	conf := fmt.Sprintf(`user root root;
daemon off;
pid %[1]s/pid;
error_log stderr;
events {}
http {
client_body_temp_path tmp1; proxy_temp_path tmp2; fastcgi_temp_path tmp3; uwsgi_temp_path tmp4; scgi_temp_path tmp5;
access_log off; server { listen 80; listen [::]:80; root %[1]s; }
}
`, dir)
	for name, text := range map[string]string{"nginx.conf": conf, "index.html": "hello\n", "big": strings.Repeat("x", 1_000_000)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return "exec nginx -p " + dir + " -c nginx.conf"
}

// Programs of every day run as they are.
func TestRealPrograms(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		needs  []string
		server func(*testing.T) string
		port   int
		client string
		ipv6   bool
		prints string
	}{
		"nginx and curl": {[]string{"nginx", "curl"}, nginxConf, 80, "curl -sS http://server/", false, "hello"},
		"nginx and curl on IPv6": {
			[]string{"nginx", "curl"}, nginxConf, 80, "curl -sS http://server/", true, "hello",
		},
		"nginx and hundreds of connections": {
			[]string{"nginx", "curl"}, nginxConf, 80,
			`for i in 1 2 3 4 5; do curl -sS -Z --parallel-max 50 "http://server/?[1-40]" -o /dev/null || exit; done; echo all`, false, "all",
		},
		"python3's http.server": {
			[]string{"python3", "curl"}, pythonServer, 8080, "curl -sS http://server:8080/page", false, "hello from python",
		},
		"iperf3": {
			[]string{"iperf3"}, command("exec iperf3 -s"), 5201, "iperf3 -c server -n 20M", false, "receiver",
		},
		"nc": {[]string{"nc"}, command("nc -lN 80 </proc/sys/kernel/ostype"), 80, "nc server 80 </dev/null", false, "Linux"},
		"redis": {
			[]string{"redis-server", "redis-cli"}, command("exec redis-server --save '' --protected-mode no --dir /proc"), 6379,
			"redis-cli -h server ping", false, "PONG",
		},
		"PostgreSQL": { // it listens before it is ready
			[]string{"psql", "pg_isready", "unshare"}, postgres, 5432,
			"until pg_isready -qh server; do sleep 0.05; done; psql -h server -U tcplab -d postgres -Atc 'select 6*7'", false, "client: 42",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needs(t, test.needs...)
			var mu sync.Mutex
			printed := ""
			r := runs(t, Options{
				Server: test.server(t), Port: test.port, IPv6: test.ipv6, Client: []string{"sh", "-c", test.client},
				Expect: expectations(t, "client exits 0", "client:SYN#1 seen"),
				Output: func(host, line string) {
					mu.Lock()
					defer mu.Unlock()
					printed += host + ": " + line + "\n"
				},
			})
			held(t, r)
			if !strings.Contains(printed, "client: ") || !strings.Contains(printed, test.prints) {
				t.Errorf("the programs print %s\nwant %q in it", printed, test.prints)
			}
		})
	}
}

// A server that listens on a port twice, for each version of IP, is told of once.
func TestListensTwice(t *testing.T) {
	t.Parallel()
	needs(t, "nginx")
	for _, ipv6 := range []bool{false, true} {
		r := runs(t, Options{Server: nginxConf(t), Port: 80, IPv6: ipv6, Client: []string{"true"}})
		n := 0
		for _, e := range r.Events {
			if s, ok := e.Body.(*record.State); ok && s.To == record.Listen && s.From == "" {
				n++
				if s.Local.Addr().Is6() != ipv6 {
					t.Errorf("IPv6 %t: told of is %v", ipv6, s.Local)
				}
			}
		}
		if n != 1 {
			t.Errorf("IPv6 %t: told %d times that it listens", ipv6, n)
		}
	}
}

func pythonServer(t *testing.T) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "page"), []byte("hello from python\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return "exec python3 -m http.server 8080 --directory " + dir
}

// postgres is a new PostgreSQL. It does not start as root, which a program here is: so it
// is somebody else in a user namespace of its own. Debian has it in no PATH.
func postgres(t *testing.T) string {
	t.Helper()
	programs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(programs) == 0 {
		needs(t, "postgres", "initdb")
	}
	dir := t.TempDir()
	script := strings.NewReplacer("DIR", dir, "BIN", strings.Join(programs, ":")).Replace(`export PATH=$PATH:BIN LC_ALL=C
initdb -D DIR/data -U tcplab -A trust --no-sync >DIR/log
echo host all all all trust >>DIR/data/pg_hba.conf
exec postgres -D DIR/data -c listen_addresses='*' -c unix_socket_directories= -c fsync=off
`)
	file := filepath.Join(dir, "postgres.sh")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	return "exec unshare --user --map-user=1000 --map-group=1000 sh -eu " + file
}

func command(text string) func(*testing.T) string { return func(*testing.T) string { return text } }

// wasPunctual reports whether the machine has let a run go on: no timer of a kernel may have
// acted between two segments.
func wasPunctual(r *record.Run) bool {
	var last time.Duration
	for _, e := range r.Events {
		if s, ok := e.Body.(*record.Segment); ok {
			if last > 0 && e.At-last > tellsHoldUp || s.Retransmission {
				return false
			}
			last = e.At
		}
	}
	return r.HeldUp.For < tellsHoldUp
}

// A rule makes the same of the same programs each time. A run that the machine has
// held up does not count: there the kernel's timers have their say.
func TestSameEachTime(t *testing.T) {
	t.Parallel()
	needs(t, "nginx", "curl")
	const wanted, most = 20, 15 * time.Second
	server := nginxConf(t)
	for _, rule := range []string{"hold client:FIN,ACK for 10ms", "reset server:data#1", "drop client:ACK#1"} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			first, same := []string(nil), 0
			begin, tried := time.Now(), 0
			for ; same < wanted && time.Since(begin) < most; tried++ {
				r := runs(t, Options{
					Server: server, Port: 80, Client: []string{"curl", "-sS", "http://server/"},
					Rules: rules(t, rule), Output: func(string, string) {},
				})
				if failed := failure(r); len(segments(r)) < 8 || strings.HasPrefix(failed, "the server") {
					t.Fatalf("%s\n%s", failed, strings.Join(segments(r), "\n"))
				}
				if !wasPunctual(r) {
					continue
				}
				if first == nil {
					first = segments(r)
				}
				if d := cmp.Diff(first, segments(r)); d != "" {
					t.Fatalf("a run is another than the first (-first +this):\n%s", d)
				}
				same++
			}
			t.Logf("%d runs, all the same:\n%s", same, strings.Join(first, "\n"))
			if same < wanted {
				t.Skipf("the machine has held up all but %d of %d runs", same, tried)
			}
		})
	}
}
