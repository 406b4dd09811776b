package free

import (
	"time"

	"github.com/tcplab/tcplab/labs/internal/wire"
)

// A heldPacket waits on the wire until its rule lets it go.
type heldPacket struct {
	packet *wire.Packet
	rule   *Rule
}

// A latePacket arrives at a time.
type latePacket struct {
	due    time.Time
	order  int
	packet *wire.Packet
}

type lateness []latePacket

func (l lateness) Len() int { return len(l) }
func (l lateness) Less(i, j int) bool {
	if !l[i].due.Equal(l[j].due) {
		return l[i].due.Before(l[j].due)
	}
	return l[i].order < l[j].order
}
func (l lateness) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *lateness) Push(x any)   { *l = append(*l, x.(latePacket)) }
func (l *lateness) Pop() any {
	last := len(*l) - 1
	p := (*l)[last]
	(*l)[last].packet = nil
	*l = (*l)[:last]
	return p
}
