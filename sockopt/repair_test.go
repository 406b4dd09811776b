package sockopt

import (
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func addressOf(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// A connection is taken out of its socket and put into another one, without
// the peer's notice: every TCP_REPAIR option at its work.
func TestRepair(t *testing.T) {
	if !hasCap(unix.CAP_NET_ADMIN) {
		skipOrFail(t, "CAP_NET_ADMIN")
	}
	client, server := connection(t)
	local, err := unix.Getsockname(client)
	must(t, "getsockname", err)
	remote, err := unix.Getpeername(client)
	must(t, "getpeername", err)

	// Out of the first socket.
	info := get(t, client, Info)
	set(t, client, Repair, RepairOn)
	if mode := get(t, client, Repair); mode != RepairOn {
		t.Fatalf("TCP_REPAIR reads %v", mode)
	}
	window := get(t, client, RepairWindow)
	clock := get(t, client, TCPTimestamp)
	seq := map[Queue]uint32{}
	for _, q := range []Queue{SendQueue, RecvQueue} {
		set(t, client, RepairQueue, q)
		if got := get(t, client, RepairQueue); got != q {
			t.Errorf("TCP_REPAIR_QUEUE=%v reads %v", q, got)
		}
		seq[q] = get(t, client, QueueSeq)
	}
	closeNow(t, client)

	// Into the second.
	fd := tcpSocket(t, unix.AF_INET)
	set(t, fd, Repair, RepairOn)
	must(t, "bind", unix.Bind(fd, local))
	for q, n := range seq {
		set(t, fd, RepairQueue, q)
		set(t, fd, QueueSeq, n)
		if got := get(t, fd, QueueSeq); got != n {
			t.Errorf("TCP_QUEUE_SEQ=%d reads %d", n, got)
		}
	}
	set(t, fd, RepairQueue, NoQueue)
	must(t, "connect", unix.Connect(fd, remote))
	options := []RepairOption{
		{2, info.SndMSS},
		{3, uint32(info.SndWscale) | uint32(info.RcvWscale)<<16},
	}
	if info.Options&OptSACK != 0 {
		options = append(options, RepairOption{4, 0})
	}
	if info.Options&OptTimestamps != 0 {
		options = append(options, RepairOption{8, 0})
	}
	set(t, fd, RepairOptions, options)
	set(t, fd, TCPTimestamp, clock)
	set(t, fd, RepairWindow, window)
	if diff := cmp.Diff(window, get(t, fd, RepairWindow)); diff != "" {
		t.Errorf("TCP_REPAIR_WINDOW (-want +got):\n%s", diff)
	}
	set(t, fd, Repair, RepairOffMute)
	if mode := get(t, fd, Repair); mode != RepairOff {
		t.Errorf("TCP_REPAIR reads %v", mode)
	}

	_, err = unix.Write(fd, []byte("hello"))
	must(t, "write", err)
	buf := make([]byte, 10)
	n, err := unix.Read(server, buf)
	must(t, "read", err)
	if string(buf[:n]) != "hello" {
		t.Errorf("the server read %q", buf[:n])
	}
	if got := get(t, fd, Info); got.State != StateEstablished || got.SndWscale != info.SndWscale {
		t.Errorf("the second socket: %v, scale %d", got, got.SndWscale)
	}
}
