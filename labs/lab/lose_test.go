package lab_test

import (
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// Everything that a timer sends again is lost until the kernel gives up, and
// the record tells of each wait before what it brought about.
func TestLoseRetransmissions(t *testing.T) {
	t.Parallel()
	var tries lab.Attempts
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		s.Server.SetDefault("net.ipv4.tcp_synack_retries", "0")
		client := s.Client.Connect(s.Server.Listen(80, 1))
		s.Wire.Next("SYN").Deliver()
		first := s.Wire.Next("SYN,ACK")
		first.Drop()
		tries = s.Wire.Of(client).Unanswered("server:SYN,ACK", first)
		if again := s.Wire.Of(client).LoseRetransmissions("server:SYN,ACK"); again != nil {
			t.Error("a request that has expired sends again")
		}
	})
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	if len(tries.Sent) != 1 || tries.End < time.Second {
		t.Errorf("%d SYN,ACKs were lost, and the request was gone after %v", len(tries.Sent), tries.End)
	}
	for i, e := range r.Events[1:] {
		if s, ok := e.Body.(*record.State); ok && s.Host == "server" && s.To == record.Close {
			if w, ok := r.Events[i].Body.(*record.Wait); !ok || w.For != record.Close {
				t.Errorf("before the end there is %+v, want the wait for it", r.Events[i].Body)
			}
		}
	}
}

// What the user has set stays.
func TestSetDefault(t *testing.T) {
	const retries, syncookies = "net.ipv4.tcp_synack_retries", "net.ipv4.tcp_syncookies"
	set := lab.Sysctl{Side: "server", Key: retries, Value: "3"}
	var server, client, other int
	r := tell(t, lab.Options{Sysctls: []lab.Sysctl{set}}, func(s *lab.Script) {
		s.Server.SetDefault(retries, "1")
		s.Client.SetDefault(retries, "1")
		s.Server.SetDefault(syncookies, "0")
		s.Server.SetDefault("net.ipv4.there_is_none", "1")
		server, client, other = s.Server.Sysctl(retries), s.Client.Sysctl(retries), s.Server.Sysctl(syncookies)
	})
	if r.Error != "" || server != 3 || client != 1 || other != 0 {
		t.Errorf("server %d, client %d, other %d %s", server, client, other, r.Error)
	}
}
