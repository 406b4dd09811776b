package lab_test

import (
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/sockopt"
)

// A SYN's options are what its host's sysctls say, and a change of the MSS option is
// what the other side obeys.
func TestOptions(t *testing.T) {
	var offers, lacks, none string
	var mss [2]int
	var scale [2]int
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		s.Server.SetSysctl("net.ipv4.tcp_window_scaling", "0")
		listener := s.Server.Listen(80, 1)
		client := s.Client.Connect(listener)
		syn := s.Wire.Next("SYN")
		for _, option := range []string{"mss", "sackOK", "TS", "wscale", "tfo"} {
			if syn.Offers(option) {
				offers += option + " "
			}
		}
		syn.Forge(lab.AnnounceMSS(1000)).Deliver()
		answer := s.Wire.Next("SYN,ACK")
		if answer.Offers("wscale") {
			lacks = "it scales"
		}
		answer.Deliver()
		ack := s.Wire.Next("ACK")
		ack.Deliver()
		if ack.MSS() != 0 || ack.WScale() != -1 {
			none = "an ACK announces something"
		}
		scale = [2]int{max(syn.WScale(), 0), answer.WScale()}
		mss = [2]int{int(client.Info().SndMSS), int(listener.Accept().Info().SndMSS)}
	})
	if r.Error != "" || offers != "mss sackOK TS wscale " || lacks+none != "" || scale[0] == 0 || scale[1] != -1 || mss != [2]int{1448, 988} {
		t.Errorf("the SYN offers %s; %s; %s; wscale %v; segments of %v; %s", offers, lacks, none, scale, mss, r.Error)
	}
}

// ConnectSending puts the data into the SYN if the kernel has a cookie for the server.
func TestConnectSending(t *testing.T) {
	var first, second, off string
	var sent int
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		s.Server.SetSysctl("net.ipv4.tcp_fastopen", "3")
		lab.Set(s.Server.Listen(80, 4), sockopt.FastOpen, 4)
		client := s.Client.Socket()
		first = client.ConnectSending(s.Server.Addr(80), "hello")
		s.Wire.Handshake(client)
		client = s.Client.Socket()
		second = client.ConnectSending(s.Server.Addr(80), "hello")
		sent = s.Wire.Of(client).Next("SYN").Len
		s.Client.SetSysctl("net.ipv4.tcp_fastopen", "0")
		off = s.Client.Socket().ConnectSending(s.Server.Addr(80), "hello")
	})
	if r.Error != "" || first != "EINPROGRESS" || second != lab.OK || sent != 5 || off != "ENOTSUP" {
		t.Errorf("first %s, then %s with %d bytes in the SYN, and switched off %s; %s", first, second, sent, off, r.Error)
	}
}
