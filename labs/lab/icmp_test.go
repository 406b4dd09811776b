package lab_test

import (
	"net/netip"
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// Each message about a SYN gives connect its own error, as icmp_err_convert and
// icmpv6_err_convert have it; one that says that a packet was too big gives none.
func TestBounce(t *testing.T) {
	t.Parallel()
	router4, router6 := netip.MustParseAddr("192.0.2.254"), netip.MustParseAddr("2001:db8::fe")
	server4, server6 := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::2")
	for name, test := range map[string]struct {
		message  lab.ICMP
		v4, v6   string
		src4     netip.Addr
		src6     netip.Addr
		says     string
		mtu      uint32
		stillSYN bool
	}{
		"net":      {lab.NetUnreachable, "ENETUNREACH", "ENETUNREACH", router4, router6, "network unreachable", 0, false},
		"host":     {lab.HostUnreachable, "EHOSTUNREACH", "EHOSTUNREACH", router4, router6, "host unreachable", 0, false},
		"protocol": {lab.ProtocolUnreachable, "ENOPROTOOPT", "EPROTO", server4, server6, "protocol unreachable", 0, false},
		"port":     {lab.PortUnreachable, "ECONNREFUSED", "ECONNREFUSED", server4, server6, "port unreachable", 0, false},
		"filter":   {lab.AdminProhibited, "EHOSTUNREACH", "EACCES", router4, router6, "administratively prohibited", 0, false},
		"ttl":      {lab.TimeExceeded, "EHOSTUNREACH", "EHOSTUNREACH", router4, router6, "time to live exceeded", 0, false},
		"too big":  {lab.TooBig(1280), "EINPROGRESS", "EINPROGRESS", router4, router6, "packet too big, MTU 1280", 1280, true},
	} {
		for family, ipv6 := range map[string]bool{"/ipv4": false, "/ipv6": true} {
			t.Run(name+family, func(t *testing.T) {
				t.Parallel()
				want, src := test.v4, test.src4
				if ipv6 {
					want, src = test.v6, test.src6
				}
				var outcome, state string
				r := tell(t, lab.Options{IPv6: ipv6}, func(s *lab.Script) {
					client := s.Client.Connect(s.Server.Listen(80, 1))
					s.Wire.Next("SYN").Bounce(test.message)
					outcome, state = client.Connected(), client.State()
				})
				wantState := record.Close
				if test.stillSYN {
					wantState = record.SynSent
				}
				if r.Error != "" || outcome != want || state != wantState {
					t.Errorf("connect %s, state %s, want %s, %s; %s", outcome, state, want, wantState, r.Error)
				}
				if lost := segments(r, func(s *record.Segment) bool { return s.Fate == record.Dropped }); len(lost) != 1 {
					t.Errorf("lost: %v", lost)
				}
				for _, e := range r.Events {
					if m, ok := e.Body.(*record.ICMP); ok {
						if m.To != "client" || m.Src != src || m.Says != test.says || m.MTU != test.mtu || m.About != 1 || m.Dest.Port() != 80 {
							t.Errorf("the message is %+v", m)
						}
						return
					}
				}
				t.Error("no message was recorded")
			})
		}
	}
}

// A segment that has arrived may be complained of all the same: it is not lost then.
func TestBounceLater(t *testing.T) {
	t.Parallel()
	var state string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, _ := established(s)
		client.Write("hello")
		data := s.Wire.Next("client:data")
		data.Deliver()
		data.Bounce(lab.HostUnreachable)
		state = client.State()
	})
	if r.Error != "" || state != record.Established {
		t.Errorf("state %s; %s", state, r.Error)
	}
	if lost := segments(r, func(s *record.Segment) bool { return s.Fate == record.Dropped }); len(lost) != 0 {
		t.Errorf("lost: %v", lost)
	}
}
