package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/record"
)

// sayings are the sentences of a run's steps that are not headings.
func sayings(r *record.Run) []string {
	var all []string
	for _, s := range Steps(r, Options{Width: 100}) {
		all = append(all, s.Says)
	}
	return all
}

func TestStepsSay(t *testing.T) {
	s := tell("What is said", "client", "server")
	s.listen(16)
	s.connect(40000)
	syn := s.segment("client", "server", 40000, "SYN", 0, 0, 0, record.Held)
	s.later(syn, record.Delivered)
	s.state("server", "80<-40000", "", record.SynRecv, nobodys)
	s.segment("server", "client", 40000, "SYN,ACK", 0, 1, 0, record.Dropped)
	again := s.segment("server", "client", 40000, "SYN,ACK", 0, 1, 0, record.Delivered)
	again.Retransmission = true
	s.state("client", "40000->80", record.SynSent, record.Established)
	s.segment("client", "server", 40000, "RST", 1, 0, 0, record.Injected).Forged = true
	s.state("server", "80<-40000", record.SynRecv, record.Close, nobodys)
	s.segment("client", "server", 40000, "PSH,ACK", 1, 1, 5, record.Delivered)
	s.fails("client", "read", "EAGAIN", "3", `""`, "4096")

	want := []string{
		"The client's program calls socket(), which returns 3.",
		"The client's program calls connect(3, 192.0.2.2:80); it is under way (EINPROGRESS). The client's socket 40000->80 is new, and SYN_SENT.",
		"The client's SYN is held on the wire.",
		"The client's SYN arrives at the server. The server's socket 80<-40000 is new, and SYN_RECV.",
		"The server's SYN,ACK is lost on its way to the client.",
		"The server's SYN,ACK, sent again, arrives at the client. The client's socket 40000->80 goes from SYN_SENT to ESTABLISHED.",
		"A forged RST that looks like the client's arrives at the server. The server's socket 80<-40000 is gone (it was SYN_RECV).",
		"The client's PSH,ACK with 5 bytes of data arrives at the server. It finds only the listening socket, and changes nothing.",
		`The client's program calls read(3, "", 4096), which fails with EAGAIN.`,
	}
	got := sayings(&s.run)
	got = got[len(got)-len(want):]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The states of both ends after a step are those that the record has by then.
func TestStepsEnds(t *testing.T) {
	var path []string
	for _, s := range Steps(handshake(), Options{Width: 100}) {
		line := ""
		for _, e := range s.Ends {
			line += e.Host + " " + e.From + "→" + e.State + "; "
		}
		if len(path) == 0 || path[len(path)-1] != line {
			path = append(path, line)
		}
	}
	want := []string{
		"client →; server →; ",
		"client →; server CLOSE→LISTEN; ",
		"client →; server →LISTEN; ",
		"client CLOSE→SYN_SENT; server →LISTEN; ",
		"client →SYN_SENT; server LISTEN→SYN_RECV; ",
		"client SYN_SENT→ESTABLISHED; server →SYN_RECV; ",
		"client →ESTABLISHED; server SYN_RECV→ESTABLISHED; ",
		"client →ESTABLISHED; server →ESTABLISHED; ",
		"client ESTABLISHED→FIN_WAIT1; server →ESTABLISHED; ",
		"client →FIN_WAIT1; server ESTABLISHED→CLOSE_WAIT; ",
		"client FIN_WAIT1→CLOSE; server →CLOSE_WAIT; ",
	}
	if diff := cmp.Diff(want, path); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The steps' lines are the ladder's.
func TestStepsLines(t *testing.T) {
	for name, r := range map[string]*record.Run{"handshake": handshake(), "fates": fates()} {
		o := Options{Width: 100, Times: true}
		var ladder strings.Builder
		if err := Ladder(&ladder, r, o); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, s := range Steps(r, o) {
			lines = append(lines, s.Lines...)
		}
		all := strings.Split(strings.TrimSpace(ladder.String()), "\n")
		header := []string{all[0], all[1], all[3]} // without the empty line
		title, command, hosts := Header(r, o)
		if diff := cmp.Diff(header, slices.Concat(title, command, hosts)); diff != "" {
			t.Errorf("%s (-ladder +header):\n%s", name, diff)
		}
		want := strings.TrimSpace(strings.Join(all[4:], "\n")) // without the header
		if diff := cmp.Diff(want, strings.TrimSpace(strings.Join(lines, "\n"))); diff != "" {
			t.Errorf("%s (-ladder +steps):\n%s", name, diff)
		}
	}
}

// No text of a record reaches a terminal that would act on it.
func TestStepsAreClean(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		o := Options{Width: 80, ASCII: ascii}
		title, command, hosts := Header(hostile(), o)
		lines := slices.Concat(title, command, hosts)
		for _, s := range Steps(hostile(), o) {
			lines = append(append(lines, s.Lines...), Wrap(s.Says, 80)...)
			for _, e := range s.Ends {
				for _, text := range []string{e.Host, e.Socket, e.State, e.From, e.Detail} {
					lines = append(lines, Wrap(text, 80)...)
				}
			}
		}
		inspect(t, strings.Join(lines, "\n"), o)
	}
}

// Where a host has had two sockets with the same ports, the one that lives is
// the connection's, whichever comes first by name.
func TestEndsPreferTheLiving(t *testing.T) {
	for _, living := range []string{"40000->80", "40000<-80"} {
		s := tell("Two sockets, one after the other", "client", "server")
		for _, name := range []string{"40000->80", "40000<-80"} {
			to := record.Close
			if name == living {
				to = record.Established
			}
			s.state("client", name, record.SynSent, to)
		}
		s.segment("client", "server", 40000, "ACK", 1, 1, 0, record.Dropped)
		steps := Steps(&s.run, with)
		if e := steps[len(steps)-1].Ends[0]; e.Socket != living || e.State != record.Established {
			t.Errorf("the client's end is %+v, want %s", e, living)
		}
	}
}
