package free

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// What each kind of rule is to curl: its exit status (EXIT CODES, curl(1)), and the time
// that it takes.
func TestCurl(t *testing.T) {
	t.Parallel()
	needs(t, "nginx", "curl")
	server := nginxConf(t)
	const (
		timedOut = 28
		recvFail = 56
		noServer = 7
	)
	for _, test := range []struct {
		rule   string
		curl   string // its arguments
		exits  int
		least  time.Duration
		expect string // of the kernels
	}{
		{"drop server:SYN,ACK#1", "http://server/", 0, 900 * time.Millisecond, "server was SYN_RECV"},
		{"hold server:SYN,ACK#1 for 300ms", "http://server/", 0, 300 * time.Millisecond, "client was ESTABLISHED"},
		{"hold server:data#1 until server:data again", "http://server/", 0, 190 * time.Millisecond, "server:data again seen"},
		{"delay server:data#1 150ms", "http://server/", 0, 150 * time.Millisecond, "client was ESTABLISHED"},
		{"duplicate server:data#1", "http://server/", 0, 0, "client:ACK sack seen"},                 // RFC 2883: a D-SACK
		{"reorder server:data#2", "http://server/big -o /dev/null", 0, 0, "client was ESTABLISHED"}, // see below
		{"reset server:data#1", "http://server/", recvFail, 0, "client is gone at end"},
		{"reset client:SYN#1", "http://server/", noServer, 0, "client is gone at end"},
		{"reset after 1 client:data", "http://server/", recvFail, 0, "server is gone at end"},
		{"vanish server after client:ACK#1", "--max-time 3 http://server/", timedOut, 3 * time.Second, "client:data again seen"},
		{"delay both 40ms", "http://server/", 0, 4 * 40 * time.Millisecond, "client was ESTABLISHED"},
		{"loss both 100%", "--connect-timeout 3 http://server/", timedOut, 3 * time.Second, "client:SYN again seen"},
		{"rate server 20mbit", "http://server/big -o /dev/null", 0, 350 * time.Millisecond, "client was ESTABLISHED"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			r := runs(t, Options{
				Server: server, Port: 80, Client: []string{"sh", "-c", "exec curl -sS " + test.curl},
				Rules: rules(t, test.rule), Expect: expectations(t, "client exits "+strconv.Itoa(test.exits), test.expect),
			})
			held(t, r)
			// Where curl is reading just then, the kernel puts the ACK off (tcp_backlog_ack_defer),
			// and the hole is filled before a SACK tells of it. A counter always does.
			if strings.HasPrefix(test.rule, "reorder ") && r.Counters["client"]["TCPOFOQueue"] == 0 {
				t.Error("nothing has come in another order")
			}
			if took := clientTook(r); took < test.least {
				t.Errorf("curl takes %v, want %v or more", took, test.least)
			}
		})
	}
}
