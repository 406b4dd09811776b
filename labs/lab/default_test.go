package lab_test

import (
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
)

// A story's own default gives way to what the user has asked for, on the side
// that he has asked it for.
func TestSetDefault(t *testing.T) {
	const key = "net.ipv4.tcp_fin_timeout"
	for name, test := range map[string]struct {
		given          []lab.Sysctl
		client, server int
	}{
		"nothing given": {nil, 1, 1},
		"both sides":    {[]lab.Sysctl{{Key: key, Value: "60"}}, 60, 60},
		"one side":      {[]lab.Sysctl{{Side: "server", Key: key, Value: "7"}}, 1, 7},
		"another":       {[]lab.Sysctl{{Key: "net.ipv4.tcp_retries2", Value: "7"}}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var client, server int
			r := tell(t, lab.Options{Sysctls: test.given}, func(s *lab.Script) {
				s.Client.SetDefault(key, "1")
				s.Server.SetDefault(key, "1")
				client, server = s.Client.Sysctl(key), s.Server.Sysctl(key)
			})
			if r.Error != "" || client != test.client || server != test.server {
				t.Errorf("client %d, server %d (%s); want %d, %d", client, server, r.Error, test.client, test.server)
			}
		})
	}
}
