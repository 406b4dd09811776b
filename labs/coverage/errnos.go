package coverage

// errnoCandidates are the errnos that a call can have on a TCP socket. connect's are also
// those that SO_ERROR reports for it.
func errnoCandidates() []candidate {
	const (
		memory = "the kernel has to run out of memory"
		system = "the limit is the whole system's"
		wrong  = "a wrong argument: no story passes one"
	)
	var all []candidate
	for _, e := range []struct{ call, errno, says, why string }{
		{"connect", "EINPROGRESS", "the handshake is under way", ""},
		{"connect", "EALREADY", "and still is", ""},
		{"connect", "EISCONN", "the socket is connected", ""},
		{"connect", "ECONNREFUSED", "a RST, or ICMP port unreachable", ""},
		{"connect", "ETIMEDOUT", "no answer", ""},
		{"connect", "ECONNRESET", "a RST in SYN_RECV, or shutdown in SYN_SENT", ""},
		{"connect", "ECONNABORTED", "it has failed, and SO_ERROR was read before", ""},
		{"connect", "EHOSTUNREACH", "ICMP", ""},
		{"connect", "ENETUNREACH", "ICMP, or no route", ""},
		{"connect", "EACCES", "ICMPv6, or a prohibiting route", "on IPv4 it needs a route of that kind; unreachable --ipv6 shows it"},
		{"connect", "ENOPROTOOPT", "ICMP protocol unreachable", ""},
		{"connect", "EADDRNOTAVAIL", "no local port is left", ""},
		{"connect", "EADDRINUSE", "bound to an address and port 0, with no port left", "Linux says EADDRNOTAVAIL; it is bind that says EADDRINUSE"},
		{"connect", "EINVAL", "an address that is none, or a blackhole route", wrong},
		{"connect", "EAFNOSUPPORT", "an address of another family", wrong},
		{"accept", "EAGAIN", "no connection waits", ""},
		{"accept", "EINVAL", "the socket does not listen", ""},
		{"accept", "EMFILE", "the process has no descriptor left", ""},
		{"accept", "ENFILE", "the system has none", system},
		{"accept", "ENOBUFS, ENOMEM", "no memory", memory},
		{"accept", "ECONNABORTED", "the connection was aborted", "not on Linux, whatever accept(2) says: see acceptreset"},
		{"read", "EAGAIN", "nothing to read", ""},
		{"read", "ENOTCONN", "never connected, or a listener", ""},
		{"read", "ECONNRESET", "a RST in ESTABLISHED", ""},
		{"read", "EPIPE", "a RST in CLOSE_WAIT", "after a FIN read returns 0, whatever comes later (SOCK_DONE, tcp_recvmsg): see reseterrors"},
		{"read", "ETIMEDOUT", "a timer has ended the connection", ""},
		{"read", "EHOSTUNREACH", "and ICMP had said why nothing came", ""},
		{"write", "EAGAIN", "the send buffer is full, or connect is in progress", ""},
		{"write", "EPIPE", "shut down, or the error was reported before", ""},
		{"write", "ECONNRESET", "a RST in ESTABLISHED", ""},
		{"write", "ETIMEDOUT", "a timer has ended the connection", ""},
		{"write", "EHOSTUNREACH", "and ICMP had said why nothing came", ""},
		{"write", "ENOTCONN", "never connected", "Linux says EPIPE"},
		{"close", "none", "it returns 0, whatever becomes of the data", nothing},
	} {
		seen := func(f *facts) bool { return f.errnos[[2]string{e.call, e.errno}] }
		all = append(all, candidate{e.call + ": " + e.errno, e.says, seen, e.why})
	}
	return all
}

// nothing is why close has no errno: those of close(2) are about files.
const nothing = "TCP gives close no error to return; EBADF is about the number"
