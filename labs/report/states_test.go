package report

import (
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

// A SYN and a FIN are no bytes, though the kernel's queues count them as such.
func TestQueues(t *testing.T) {
	socket := func(state string, rqueue, wqueue uint32, open bool) *record.State {
		return &record.State{From: state, To: state, RQueue: rqueue, WQueue: wqueue, Descriptor: open}
	}
	for _, test := range []struct {
		now  *record.State
		want string
	}{
		{socket(record.Established, 1, 1, true), "1 byte to read, 1 byte not acked"},
		{socket(record.SynSent, 0, 1, true), "SYN not acked"},
		{socket(record.SynSent, 0, 6, true), "SYN and 5 bytes not acked"},
		{socket(record.SynRecv, 0, 0, true), ""}, // a request socket has no queues
		{socket(record.CloseWait, 0, 1, true), "1 byte not acked"},
		{socket(record.CloseWait, 1, 0, true), "end of stream to read"},
		{socket(record.CloseWait, 2, 0, true), "1 byte and end of stream to read"},
		{socket(record.CloseWait, 1, 0, false), "waits for accept, end of stream to read"},
		{socket(record.Closing, 1, 1, true), "end of stream to read, FIN not acked"},
		{socket(record.Closing, 1, 1, false), "no descriptor, FIN not acked"},
		{socket(record.LastAck, 1, 3, false), "no descriptor, 2 bytes and FIN not acked"},
		{socket(record.FinWait1, 2, 1, true), "2 bytes to read, FIN not acked"},
		{socket(record.FinWait2, 0, 0, false), "no descriptor"},
	} {
		if got := detail(test.now); got != test.want {
			t.Errorf("%+v: %q, want %q", test.now, got, test.want)
		}
	}
	for _, test := range []struct {
		before, now *record.State
		want        string
	}{
		{socket(record.CloseWait, 1, 0, true), socket(record.CloseWait, 0, 0, true), "end of stream read"},
		{socket(record.CloseWait, 6, 0, true), socket(record.CloseWait, 1, 0, true), "end of stream to read"},
		{socket(record.CloseWait, 6, 0, true), socket(record.CloseWait, 0, 0, true), "all read"},
		{socket(record.FinWait1, 0, 6, true), socket(record.FinWait1, 0, 1, true), "FIN not acked"},
		{socket(record.SynSent, 0, 1, true), socket(record.SynSent, 0, 0, true), "SYN acked"},
		{socket(record.CloseWait, 1, 0, false), socket(record.CloseWait, 1, 0, true), "accepted"},
	} {
		if got := stateText(test.before, test.now); got != test.want {
			t.Errorf("%+v after %+v: %q, want %q", test.now, test.before, got, test.want)
		}
	}
}
