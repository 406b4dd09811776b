package lab_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// A segment made of nothing has numbers relative to its connection, and acts as one
// that was sent; the record says that nobody has sent it.
func TestCraft(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		craft  lab.Craft
		answer string // of the server, at once; "" where it may be put off
		state  string // the server's
		read   string
	}{
		"a reset":                    {lab.Craft{Flags: "RST", Seq: 1}, "nothing", record.Close, "ECONNRESET"},
		"a reset in the window":      {lab.Craft{Flags: "RST", Seq: 2}, "ACK", record.Established, "EAGAIN"}, // RFC 5961 §3.2
		"a reset beyond it":          {lab.Craft{Flags: "RST", Seq: 1 << 20}, "nothing", record.Established, "EAGAIN"},
		"a SYN":                      {lab.Craft{Flags: "SYN", Seq: 1}, "ACK", record.Established, "EAGAIN"}, // RFC 5961 §4.2
		"a FIN":                      {lab.Craft{Flags: "FIN,ACK", Seq: 1, Ack: 1, Win: 500}, "", record.CloseWait, ""},
		"data":                       {lab.Craft{Flags: "PSH,ACK", Seq: 1, Ack: 1, Win: 500, Data: "hello"}, "", record.Established, "hello"},
		"data with a hole before it": {lab.Craft{Flags: "PSH,ACK", Seq: 2, Ack: 1, Win: 500, Data: "ello"}, "ACK", record.Established, "EAGAIN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var answer, state, read string
			r := tell(t, lab.Options{}, func(s *lab.Script) {
				noTimestamps(s)
				client, server := established(s)
				crafted := client.Craft(test.craft)
				if crafted.Flags != test.craft.Flags || int64(crafted.Seq) != test.craft.Seq || int64(crafted.Ack) != test.craft.Ack || crafted.Len != len(test.craft.Data) {
					t.Errorf("crafted %+v", crafted)
				}
				crafted.Deliver()
				answer, state = s.Wire.Waiting(s.Server), server.State()
				data, outcome := server.TryRead()
				if read = data; outcome != lab.OK {
					read = outcome
				}
			})
			if r.Error != "" || test.answer != "" && answer != test.answer || state != test.state || read != test.read {
				t.Errorf("answer %s, state %s, read %q; %s", answer, state, read, r.Error)
			}
			made := segments(r, func(s *record.Segment) bool { return s.Forged })
			want := fmt.Sprintf("%s seq=%d injected", test.craft.Flags, test.craft.Seq)
			if got := strings.Join(made, "; "); got != want {
				t.Errorf("forged: %s; want %s", got, want)
			}
		})
	}
}

// What can't be made ends the story.
func TestCraftRefused(t *testing.T) {
	for want, c := range map[string]lab.Craft{
		`no flag is called "SIN"`: {Flags: "SIN"},
		"option":                  {Flags: "SYN", Options: "nonsense"},
	} {
		r := tell(t, lab.Options{}, func(s *lab.Script) {
			client, _ := established(s)
			client.Craft(c)
		})
		if r.Outcome != record.Broken || !strings.Contains(r.Error, want) {
			t.Errorf("%+v: %s, %s; want %s", c, r.Outcome, r.Error, want)
		}
	}
}

// noTimestamps keeps a connection from taking what has no timestamps for damaged.
func noTimestamps(s *lab.Script) {
	s.Client.SetDefault("net.ipv4.tcp_timestamps", "0")
	s.Server.SetDefault("net.ipv4.tcp_timestamps", "0")
}

// segments names those segments of a record for which keep is true.
func segments(r *record.Run, keep func(*record.Segment) bool) []string {
	var names []string
	for _, e := range r.Events {
		if s, ok := e.Body.(*record.Segment); ok && keep(s) {
			names = append(names, fmt.Sprintf("%s seq=%d %s", s.Flags, s.Seq, s.Fate))
		}
	}
	return names
}

// A kept-alive connection that nothing happens on asks the peer when its timer has
// run out, and goes on when that answers.
func TestKeepalive(t *testing.T) {
	t.Parallel()
	answered := ""
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, _ := established(s)
		lab.Set(client, sockopt.KeepAlive, true)
		lab.Set(client, sockopt.KeepIdle, 1)
		probe := s.Wire.Of(client).Probe("client:ACK")
		if probe.Seq != 0 || probe.Len != 0 || probe.Again {
			t.Errorf("the probe is %+v, want one with nothing, before what comes next", probe)
		}
		probe.Deliver()
		answered = s.Wire.Waiting(s.Server)
		s.Wire.Pass("server:ACK")
	})
	if r.Error != "" || answered != "ACK" {
		t.Errorf("the server answers %s; %s", answered, r.Error)
	}
	askedAfter(t, r, "keepalive", record.ByKeepalive)
}

// A sender asks a receiver whose window is closed whether it still is.
func TestWindowProbe(t *testing.T) {
	t.Parallel()
	got, sent := "", 0
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		got, sent = "", 0
		s.Server.SetDefault("net.ipv4.tcp_window_scaling", "0") // the header says how many bytes
		listener := s.Server.Listen(80, 1)
		lab.Set(listener, sockopt.RcvBuf, 4096)
		client := s.Client.Connect(listener)
		of := s.Wire.Of(client)
		of.Pass("SYN")
		synack := of.Next("SYN,ACK")
		synack.Deliver()
		of.Pass("client:ACK")
		server := listener.Accept()
		for room := int(synack.Win); room > 0; {
			n := min(room, 1000)
			client.Write(strings.Repeat("x", n))
			sent += n
			of.Pass("client:data")
			ack := of.Next("server:ACK")
			ack.Deliver()
			room = int(ack.Win)
		}
		client.Write("one more")
		of.Probe("client:ACK").Deliver()
		of.Pass("server:ACK win=0")
		got = server.Drain()
		of.Pass("server:ACK win=1-65535", "client:data")
		got += server.Drain()
	})
	if r.Error != "" || got != strings.Repeat("x", sent)+"one more" {
		t.Errorf("%d bytes came, and before one more %d were sent; %s", len(got), sent, r.Error)
	}
	askedAfter(t, r, "probe", record.ByWindowProbe)
}

// askedAfter wants one segment with a cause in the record, after a wait for a
// timer. ACKs that the other side puts off are another matter.
func askedAfter(t *testing.T, r *record.Run, timer string, cause record.Cause) {
	t.Helper()
	var got []string
	for _, e := range r.Events {
		switch b := e.Body.(type) {
		case *record.Wait:
			got = append(got, "wait for the "+b.Timer+" timer")
		case *record.Segment:
			if b.Cause != "" && b.Cause != record.ByDelay {
				got = append(got, b.Flags+" by "+string(b.Cause))
			}
		}
	}
	if diff := cmp.Diff([]string{"wait for the " + timer + " timer", "ACK by " + string(cause)}, got); diff != "" {
		t.Errorf("waits and causes (-want +got):\n%s", diff)
	}
}

// What duplicate acknowledgements make a sender send again comes at once: no timer
// is waited for, and the record says what it was.
func TestFastRetransmit(t *testing.T) {
	t.Parallel()
	const size = 1000
	got := 0
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		lab.Set(client, sockopt.NoDelay, true)
		for range 6 {
			client.Write(strings.Repeat("x", size))
		}
		of := s.Wire.Of(client)
		of.Next("client:data seq=1").Drop()
		for i := 1; i < 6; i++ {
			of.Pass(fmt.Sprintf("client:data seq=%d", 1+i*size), "server:ACK ack=1 sack")
		}
		again := of.Next("client:data seq=1")
		if !again.Again {
			t.Error("it was not sent before")
		}
		again.Deliver()
		of.Pass(fmt.Sprintf("server:ACK ack=%d", 1+6*size))
		got = len(server.Drain())
	})
	if r.Error != "" || got != 6*size {
		t.Errorf("%d bytes came; %s", got, r.Error)
	}
	var causes []string
	for _, e := range r.Events {
		switch b := e.Body.(type) {
		case *record.Wait:
			t.Errorf("a wait for the %s timer", b.Timer)
		case *record.Segment:
			if b.Retransmission {
				causes = append(causes, fmt.Sprintf("seq=%d %s", b.Seq, b.Cause))
			}
		}
	}
	if diff := cmp.Diff([]string{"seq=1 " + string(record.ByDuplicates)}, causes); diff != "" {
		t.Errorf("sent again (-want +got):\n%s", diff)
	}
}

// Send carries data and its acknowledgement, which the other side's kernel may put
// off.
func TestSend(t *testing.T) {
	t.Parallel()
	var read string
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, server := established(s)
		client.Send("one")
		client.Send("two")
		client.Send("three") // the ACK of one of them at least is put off
		if n := client.Unacknowledged(); n != 0 {
			t.Errorf("%d bytes are not acknowledged", n)
		}
		read = server.Drain()
		if again := server.Drain(); again != "" {
			t.Errorf("then it reads %q", again)
		}
		server.Send("four")
		read += client.Drain()
	})
	if r.Error != "" || read != "onetwothreefour" || r.Late != nil {
		t.Errorf("read %q; %s %+v", read, r.Error, r.Late)
	}
}

// The kernel takes of a write what it has room for, and refuses the next.
func TestWriteSome(t *testing.T) {
	t.Parallel()
	const much = 1 << 20
	n, then := 0, ""
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client, _ := established(s)
		lab.Set(client, sockopt.SndBuf, 4096)
		n, _ = client.WriteSome(strings.Repeat("x", much))
		_, then = client.WriteSome("y")
	})
	if r.Error != "" || n == 0 || n >= much || then != "EAGAIN" {
		t.Errorf("the kernel took %d bytes of %d, then %s; %s", n, much, then, r.Error)
	}
}

// A wait for what does not come, though a timer ends meanwhile, is a mistake of the
// story's, and not that it was held up.
func TestAwaitsAnother(t *testing.T) {
	t.Parallel()
	r := tell(t, lab.Options{Patience: 1500 * time.Millisecond}, func(s *lab.Script) {
		client := s.Client.Connect(s.Server.Listen(80, 1))
		s.Wire.Next("SYN").Drop()
		s.Wire.Of(client).Retransmission("client:FIN,ACK") // while the SYN is sent again, and again
	})
	if r.Outcome != record.Broken || !strings.HasPrefix(complaint(r), "wire: no client:FIN,ACK came") || r.Late != nil {
		t.Errorf("%s; late %+v", r.Error, r.Late)
	}
}
