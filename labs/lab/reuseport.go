package lab

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Queue looks how many connections wait on the listener for accept. Of one that
// shares its address with others (SO_REUSEPORT) TCP_INFO tells, by its descriptor:
// inet_diag finds sockets by their addresses.
func (s *Sock) Queue() int {
	if s.End.rig.Shared() {
		return int(s.info().Unacked) // tcp_get_info, of a listener
	}
	return s.End.Queue()
}

// Classic BPF, as <linux/filter.h> has it.
const (
	loadHalf   = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
	modulo     = unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K
	returnAcc  = unix.BPF_RET | unix.BPF_A
	fromHeader = 0xfff00000 // SKF_NET_OFF: from the beginning of the IP header
)

// SteerByPort makes the client's port say which of the n sockets that listen on the
// listener's address gets a connection: the one whose number, in the order in which
// they began to listen, is the port modulo n. It is a BPF program of the whole group's:
// setsockopt(2) with SO_ATTACH_REUSEPORT_CBPF. Without one the kernel goes by a hash.
func (s *Sock) SteerByPort(n int) {
	s.before(s.name, "setsockopt")
	header := uint32(20)
	if s.bound.Addr().Is6() {
		header = 40
	}
	program := []unix.SockFilter{
		{Code: loadHalf, K: fromHeader + header},
		{Code: modulo, K: uint32(n)},
		{Code: returnAcc},
	}
	err := unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	s.must(os.NewSyscallError("setsockopt", err))
	s.call("setsockopt", 0, nil, []string{s.arg(), "SOL_SOCKET", "SO_ATTACH_REUSEPORT_CBPF", fmt.Sprintf("[client's port mod %d]", n)})
	s.acted()
}
