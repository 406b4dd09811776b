package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/record"
)

// kernelStory has all that the kernel's account can add to a ladder, or can not.
func kernelStory() *record.Run {
	const call, segment, timer = record.InCall, record.InSegment, record.InTimer
	s := tell("What the kernel says", "client", "server")
	s.run.Environment.Trace = record.Tracepoints
	kernel := func(k record.Kernel) { s.add(&k) }
	set := func(host, socket, from, to string, context record.Context, id int) {
		kernel(record.Kernel{Host: host, Socket: socket, Event: record.SetState, From: from, To: to, Context: context, ID: id})
	}
	state := func(host, socket, from, to string) {
		s.state(host, socket, from, to)
	}
	set("client", "40000->80", "CLOSE", "SYN_SENT", call, 0) // inet_diag shows it
	s.call("client", "connect", "0")
	state("client", "40000->80", "", "SYN_SENT")
	kernel(record.Kernel{Host: "client", Socket: "40000->80", Event: record.RetransmitSkb, State: "SYN_SENT", Context: timer})
	s.add(&record.Wait{Host: "client", Socket: "40000->80", Timer: "retransmit", For: "client:SYN again"})
	v := s.segment("client", "server", 40000, "ACK", 1, 1, 0, record.Delivered)
	set("server", "80<-40000", "LISTEN", "SYN_RECV", segment, v.ID)
	set("server", "80<-40000", "SYN_RECV", "ESTABLISHED", segment, v.ID)
	kernel(record.Kernel{Host: "server", Event: record.KfreeSkb, Reason: "TCP_OLD_DATA", Context: segment, ID: v.ID}) // it was made use of
	state("server", "80<-40000", "", "ESTABLISHED")
	v = s.segment("server", "client", 40000, "FIN,ACK", 1, 1, 0, record.Delivered)
	set("client", "40000->80", "FIN_WAIT1", "FIN_WAIT2", segment, v.ID)
	set("client", "40000->80", "FIN_WAIT2", "CLOSE", segment, v.ID)
	state("client", "40000->80", "SYN_SENT", "TIME_WAIT")
	v = s.segment("client", "server", 40000, "ACK", 2, 2, 0, record.Delivered)
	kernel(record.Kernel{Host: "server", Event: record.KfreeSkb, Reason: "NOT_SPECIFIED", Context: segment, ID: v.ID})
	kernel(record.Kernel{Host: "server", Event: record.SendReset, Reason: "NO_SOCKET", Context: segment, ID: v.ID})
	kernel(record.Kernel{Host: "server", Event: record.KfreeSkb, Reason: "NO_SOCKET", Context: segment, ID: v.ID})
	v = s.segment("server", "client", 40000, "RST", 2, 0, 0, record.Delivered)
	kernel(record.Kernel{Host: "client", Socket: "40000->80", Event: record.RetransmitSkb, State: "FIN_WAIT1", Context: segment, ID: v.ID})
	kernel(record.Kernel{Host: "client", Event: record.ReceiveReset, Context: segment, ID: v.ID})
	set("server", "80<-40000", "FIN_WAIT2", "FIN_WAIT2", call, 0)
	kernel(record.Kernel{Host: "server", Socket: "80<-40000", Event: record.SendReset, State: "CLOSE", Context: call})
	s.call("server", "close", "0", "4")
	kernel(record.Kernel{Host: "server", Socket: "80<-40000", Event: record.RetransmitSynack, Context: timer})
	return &s.run
}

func ladderOf(t *testing.T, r *record.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := Ladder(&b, r, Options{Width: 120}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestKernel(t *testing.T) {
	r := kernelStory()
	got := ladderOf(t, r)
	var said []string
	for line := range strings.Lines(got) {
		if strings.Contains(line, "kernel: ") {
			_, text, _ := strings.Cut(line, "kernel: ")
			text, _, _ = strings.Cut(text, "│")
			said = append(said, strings.TrimSpace(text))
		}
	}
	want := []string{
		"timer, sends again", "makes it a full socket", "FIN_WAIT1 → FIN_WAIT2", "a mini-socket takes over",
		"sends RST: NO_SOCKET (there", "drops it: NO_SOCKET", "sends again", "accepts the RST", "sends RST", "timer, SYN,ACK again",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("what the kernel says (-want +got):\n%s\n%s", diff, got)
	}
	for _, step := range Steps(r, with) { // what stands alone has its time, and is no call
		if strings.HasPrefix(step.Says, "The client's kernel: timer") && (step.Kind != OtherStep || !strings.Contains(step.Lines[0], "0.40")) {
			t.Errorf("%+v", step)
		}
	}
	// It stands below what was there before: of a segment, a call, a wait.
	before, after, _ := strings.Cut(got, "kernel: timer, sends again")
	if !strings.Contains(before, "waited for") || !strings.Contains(after, "ESTABLISHED") {
		t.Errorf("a timer is not between the wait for it and what follows:\n%s", got)
	}
	before, _, _ = strings.Cut(got, "kernel: sends RST\n")
	if !strings.Contains(before, "close(4)") {
		t.Errorf("what is said in a call does not stand after it:\n%s", got)
	}
}

// Nothing else changes: without it, every line but those of the account is there.
func TestKernelAdds(t *testing.T) {
	r := kernelStory()
	lines := strings.Split(ladderOf(t, r), "\n")
	blind := *r
	blind.Environment.Trace = nil
	blind.Events = slices.DeleteFunc(slices.Clone(r.Events), func(e record.Event) bool {
		_, ok := e.Body.(*record.Kernel)
		return ok
	})
	for i, line := range strings.Split(ladderOf(t, &blind), "\n") {
		if i > 1 && !slices.Contains(lines, line) {
			t.Errorf("not there any more: %q in\n%s", line, strings.Join(lines, "\n"))
		}
	}
}

// The sentences and the comments of a capture explain what the ladder names.
func TestKernelExplained(t *testing.T) {
	r := kernelStory()
	said := strings.Join(sayings(r), "\n")
	for _, text := range []string{
		"The server's kernel: sends RST: NO_SOCKET (there is no socket for it). The server's kernel: drops it: NO_SOCKET.",
		"The client's kernel: timer, sends again.", "The client's kernel: accepts the RST.",
	} {
		if !strings.Contains(said, text) {
			t.Errorf("nothing says %q:\n%s", text, said)
		}
	}
	if strings.Contains(ladderOf(t, r), "there is no socket for it") {
		t.Error("the ladder says it too")
	}
}
