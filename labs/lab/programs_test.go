package lab_test

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// Poll says what poll(2) says, by name.
func TestPoll(t *testing.T) {
	var got []string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		fresh := s.Client.Named("fresh").Socket()
		client, server := established(s)
		lab.Set(client, sockopt.Linger, sockopt.LingerValue{On: true})
		got = append(got, fresh.Poll(), server.Poll(), s.Sock("listener").Poll())
		client.Write("!")
		s.Wire.Next("client:data").Deliver()
		got = append(got, server.Poll())
		client.Close()
		s.Wire.Next("client:RST,ACK").Deliver()
		got = append(got, server.Poll())
	})
	want := []string{"OUT|HUP", "OUT", lab.NotReady, "IN|OUT", "IN|OUT|ERR|HUP|RDHUP"}
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	for i, w := range want {
		if got[i] != w {
			t.Errorf("poll %d says %s, want %s", i, got[i], w)
		}
	}
}

// Only the last descriptor of a socket ends its connection.
func TestDup(t *testing.T) {
	var shared, gone, data string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		second := server.Named("second").Dup()
		server.Close()
		shared = server.State() + " " + s.Wire.Waiting(s.Server)
		s.Sock("second").Write("here")
		s.Wire.Next("server:data").Deliver()
		data = client.Read()
		second.Close()
		gone = second.State() + " " + s.Wire.Take("server:FIN,ACK").Flags
	})
	if r.Error != "" || shared != "ESTABLISHED nothing" || data != "here" || gone != "FIN_WAIT1 FIN,ACK" {
		t.Errorf("shared: %s; read %q; then %s; %s", shared, data, gone, r.Error)
	}
}

// A story that ends with a shared socket leaves no orphan behind: what it still
// holds resets the connection.
func TestDupLeftOpen(t *testing.T) {
	var linger sockopt.LingerValue
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		_, server := established(s)
		second := server.Dup()
		server.Close()
		linger = lab.Get(second, sockopt.Linger)
	})
	if r.Error != "" || !linger.On || linger.Seconds != 0 {
		t.Errorf("SO_LINGER is %v; %s", linger, r.Error)
	}
}

// A descriptor connects, is refused, connects again and is dissolved.
func TestTryConnect(t *testing.T) {
	var got []string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		listener := s.Server.Listen(80, 4)
		client := s.Client.Socket()
		client.Bind(s.Client.Addr(40000))
		client.Connect(s.Server.Addr(81))
		got = append(got, client.TryConnect(s.Server.Addr(81)))
		s.Wire.Pass("SYN", "RST,ACK")
		got = append(got, client.TryConnect(s.Server.Addr(81)), client.TryConnect(s.Server.Addr(80)))
		s.Wire.Handshake(client)
		got = append(got, client.TryConnect(s.Server.Addr(80)), client.TryConnect(s.Server.Addr(80)))
		listener.Accept()
		client.Disconnect()
		got = append(got, client.State())
		s.Wire.Next("RST,ACK").Deliver()
		got = append(got, client.TryConnect(s.Server.Addr(80)), client.State())
	})
	want := []string{"EALREADY", "ECONNREFUSED", "EINPROGRESS", lab.OK, "EISCONN", record.Close, "EINPROGRESS", record.SynSent}
	if r.Error != "" || len(got) != len(want) {
		t.Fatalf("%v; %s", got, r.Error)
	}
	for i, w := range want {
		if got[i] != w {
			t.Errorf("step %d: %s, want %s", i, got[i], w)
		}
	}
}

// A close with SO_LINGER and a time blocks while its FIN is not acknowledged, and the
// story is not late for that; what a story leaves open blocks nothing.
func TestCloseBlocks(t *testing.T) {
	var silent, acknowledged time.Duration
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		for _, end := range []*lab.Sock{client, server} {
			lab.Set(end, sockopt.Linger, sockopt.LingerValue{On: true, Seconds: 1})
		}
		server.Shutdown()
		s.Wire.Pass("server:FIN,ACK", "client:ACK")
		silent = lab.Took(client.Close)
		s.Wire.Pass("client:FIN,ACK", "server:ACK")
		acknowledged = lab.Took(server.Close)
		left := s.Client.Named("left").Connect(s.Sock("listener"))
		s.Wire.Handshake(left)
		lab.Set(left, sockopt.Linger, sockopt.LingerValue{On: true, Seconds: 60})
	})
	if r.Error != "" || r.Late != nil || silent < 950*time.Millisecond || acknowledged > silent/2 {
		t.Errorf("close took %v, and with the FIN acknowledged %v; late %+v; %s", silent, acknowledged, r.Late, r.Error)
	}
	if r.Duration > 10*time.Second {
		t.Errorf("the run took %v", r.Duration)
	}
}

// A close that has nothing to wait for breaks no run, however long the program's other
// threads keep the machine busy meanwhile: to have slept is no sign of a signal.
func TestCloseBesideOthers(t *testing.T) {
	const abreast, times = 40, 4
	var runs sync.WaitGroup
	for range abreast {
		runs.Go(func() {
			for range times {
				r := tell(t, lab.Options{}, func(s *lab.Script) {
					client, server := established(s)
					client.Shutdown()
					s.Wire.Pass("client:FIN,ACK", "server:ACK")
					lab.Set(client, sockopt.Linger, sockopt.LingerValue{On: true, Seconds: 10})
					client.Close()
					server.Close()
				})
				if r.Error != "" {
					t.Error(r.Error)
				}
			}
		})
	}
	runs.Wait()
}

// Each direction has its own shutdown: that of receiving sends nothing, and ends a
// listener.
func TestShutdown(t *testing.T) {
	var sent, state, end, accept, gone string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, _ := established(s)
		client.ShutdownRead()
		sent, state, end = s.Wire.Waiting(s.Client), client.State(), client.Read()
		listener := s.Sock("listener")
		listener.ShutdownRead()
		_, accept = listener.TryAccept()
		gone = listener.State()
	})
	if r.Error != "" || sent != "nothing" || state != record.Established || end != "" || accept != "EINVAL" || gone != record.Close {
		t.Errorf("the client sends %s, is %s and reads %q; accept %s, the listener is %s; %s", sent, state, end, accept, gone, r.Error)
	}
}

// A program has no more descriptors than its limit allows, and the other host's program
// is not limited.
func TestLimitDescriptors(t *testing.T) {
	if !lab.LimitsDescriptors {
		t.Skip("not on this architecture")
	}
	var got []string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		s.Server.LimitDescriptors(5)
		_, server := established(s)
		second := s.Client.Connect(s.Sock("listener"))
		s.Wire.Handshake(second)
		_, full := s.Sock("listener").TryAccept()
		server.Close()
		_, free := s.Sock("listener").TryAccept()
		got = append(got, full, free)
	})
	if r.Error != "" || len(got) != 2 || got[0] != "EMFILE" || got[1] != lab.OK {
		t.Errorf("accept: %v, want EMFILE, ok; %s", got, r.Error)
	}
}

// A listener on the wildcard address of IPv6 takes connections of both families, and
// what waits in its queue is looked at when it is closed.
func TestBothFamilies(t *testing.T) {
	t.Parallel()
	for name, ipv6 := range map[string]bool{"ipv4": false, "ipv6": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var from []string
			var queue int
			var queued string
			l := &lab.Lab{Name: "test", Title: "A test", BothFamilies: true, Script: func(s *lab.Script) {
				listener := s.Server.SocketFor(netip.IPv6Unspecified())
				listener.Bind(lab.Any6(80))
				listener.Listen(16)
				for n := range 2 {
					client := s.Client.Named(fmt.Sprint("client ", n)).ConnectTo(s.Server.AddrN(n, 80))
					s.Wire.Handshake(client)
					conn := listener.Accept()
					from = append(from, conn.RemoteAddr())
					client.Send("!")
					if conn.Read() != "!" {
						t.Error("nothing was read")
					}
				}
				last := s.Client.Named("last").ConnectTo(s.Server.AddrN(0, 80))
				s.Wire.Handshake(last)
				queue = listener.Queue()
				listener.Close()
				queued = last.Peer().State()
			}}
			r := labtest.Run(t, l, lab.Options{IPv6: ipv6})
			want := []string{"[::ffff:192.0.2.1]:40000", "[2001:db8::1]:40001"}
			if ipv6 {
				want = []string{"[2001:db8::1]:40000", "[::ffff:192.0.2.1]:40001"}
			}
			if r.Error != "" || !slices.Equal(from, want) || queue != 1 || queued != record.Close {
				t.Errorf("from %v, want %v; queue %d, the queued one is %s; %s", from, want, queue, queued, r.Error)
			}
		})
	}
}
