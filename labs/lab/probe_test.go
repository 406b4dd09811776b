package lab_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// keptAlive returns the client's end of a connection that asks after a second of
// silence whether the server is still there, and gives up after two questions.
func keptAlive(s *lab.Script) *lab.Sock {
	client, _ := established(s)
	lab.Set(client, sockopt.KeepAlive, true)
	lab.Set(client, sockopt.KeepIdle, 1)
	lab.Set(client, sockopt.KeepIntvl, 1)
	lab.Set(client, sockopt.KeepCnt, 2)
	return client
}

// Keepalives that nobody answers are lost until the connection ends, and each is
// waited for as what it is: nothing that is sent again.
func TestLoseProbes(t *testing.T) {
	t.Parallel()
	probes, outcome := 0, ""
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		client := keptAlive(s)
		probes = len(s.Wire.Of(client).LoseProbes("client:ACK"))
		outcome = client.Connected()
	})
	if r.Error != "" || r.Late != nil || probes != 2 || outcome != "ETIMEDOUT" {
		t.Errorf("%d probes, then %s; %s; late %+v", probes, outcome, r.Error, r.Late)
	}
	want := []string{"client:ACK", "client:ACK", record.Close}
	if diff := cmp.Diff(want, waits(r)); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

// A wait for a state lets as many timers run out as it takes, one after another: it
// is what the story waits for, and nothing has held it up.
func TestAwaitOverTimers(t *testing.T) {
	t.Parallel()
	r := tell(t, lab.Options{}, func(s *lab.Script) {
		keptAlive(s).Await(record.Close)
	})
	if r.Late != nil && (r.Late.Timer != "keepalive" || r.HeldUp.For >= time.Second-rig.Slack) {
		return // the machine has held it up: for as long as the timers take, or at another one
	}
	if r.Error != "" || r.Late != nil {
		t.Errorf("%s; late %+v, held up %+v", r.Error, r.Late, r.HeldUp)
	}
	if diff := cmp.Diff([]string{record.Close}, waits(r)); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

// waits returns what was waited for.
func waits(r *record.Run) (all []string) {
	for _, e := range r.Events {
		if w, ok := e.Body.(*record.Wait); ok {
			all = append(all, w.For)
		}
	}
	return all
}
