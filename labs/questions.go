package labs

// A Question is one that people have asked in public, and the lab that answers it.
type Question struct {
	Asks   string   // in full
	Typed  []string // what one may type to find the answer
	Lab    string
	Claims []string // of that lab, which are the answer
}

// Questions are questions that people have asked in public. Search knows nothing of them:
// it finds the labs by their own texts, and a test wants it to.
var Questions = []Question{{
	Asks:  "Why does TCP_DEFER_ACCEPT of 8 seconds wait for 15?",
	Typed: []string{"TCP_DEFER_ACCEPT", "DEFER_ACCEPT 8 waits 15 s"},
	Lab:   "deferaccept", Claims: []string{"seconds-are-seconds", "accepted-anyway-after-the-time"},
}, {
	Asks:  "What does tcp_tw_reuse do, and for whom?",
	Typed: []string{"what does tcp_tw_reuse do", "tcp_tw_reuse server"},
	Lab:   "twreuse", Claims: []string{"connect-takes-over-after-the-delay", "needs-timestamps", "default-is-loopback-only", "does-nothing-for-servers"},
}, {
	Asks:  "Why does TCP_USER_TIMEOUT kill a connection whose peer answers every probe?",
	Typed: []string{"TCP_USER_TIMEOUT zero window", "user timeout kills a connection that answers probes"},
	Lab:   "zerowindow", Claims: []string{"probes-for-ever-while-answered", "user-timeout-kills-it-all-the-same"},
}, {
	Asks:  "What happens to connections that wait for accept when the listener is closed?",
	Typed: []string{"accept queue when the listener is closed"},
	Lab:   "relisten", Claims: []string{"close-resets-the-queued", "half-open-ones-hear-nothing-yet"},
}, {
	Asks:  "What does a restarted client meet that connects from the same port?",
	Typed: []string{"restarted client", "client reboots, old connection still ESTABLISHED"},
	Lab:   "halfopen", Claims: []string{"syn-gets-a-challenge-ack", "client-answers-with-a-reset", "next-syn-connects"},
}, {
	Asks:  "Can one local port serve two destinations?",
	Typed: []string{"one port two destinations", "64k connections per host"},
	Lab:   "ports", Claims: []string{"uniqueness-is-four-addresses", "64k-connections-per-host", "bind-zero-takes-it-whole"},
}, {
	Asks:  "Is SO_REUSEADDR on the new socket enough to bind a port with connections in TIME_WAIT?",
	Typed: []string{"bind address already in use TIME_WAIT SO_REUSEADDR", "restarted server address already in use"},
	Lab:   "timewait", Claims: []string{"blocks-bind-without-reuseaddr", "reuseaddr-on-both-allows-bind"},
}, {
	Asks:  "What does SO_LINGER with a time do on a non-blocking socket?",
	Typed: []string{"SO_LINGER non-blocking socket", "close blocks SO_LINGER seconds"},
	Lab:   "linger", Claims: []string{"non-blocking-returns-at-once", "returns-zero-when-time-is-up"},
}, {
	Asks:  "Does a reload with SO_REUSEPORT lose connections?",
	Typed: []string{"reload SO_REUSEPORT", "reload loses connections"},
	Lab:   "reuseport", Claims: []string{"closing-one-resets-its-queue", "reload-loses-nothing", "migrate-req-keeps-them", "an-inherited-listener-keeps-them"},
}, {
	Asks:  "Does raising somaxconn help a running server?",
	Typed: []string{"raise somaxconn", "somaxconn running server"},
	Lab:   "relisten", Claims: []string{"somaxconn-is-read-at-listen", "raising-somaxconn-helps", "listen-again-changes-the-limit"},
}, {
	Asks:  "What do read, write and SO_ERROR say after a RST, in each state?",
	Typed: []string{"read write SO_ERROR after RST", "ECONNRESET or EPIPE"},
	Lab:   "reseterrors",
	Claims: []string{
		"econnreset-in-established", "first-call-takes-the-error", "so-error-tells-and-clears", "epipe-in-close-wait", "econnreset-in-fin-wait",
	},
}, {
	Asks:  "Does connect pick a port that another socket has bound and does not listen on?",
	Typed: []string{"connect picks a bound port", "connect port bound but not listening"},
	Lab:   "ports", Claims: []string{"bound-ports-are-left-out"},
}, {
	Asks:   "What does epoll say in each state?",
	Typed:  []string{"epoll", "EPOLLHUP", "epoll states"},
	Lab:    "readiness",
	Claims: []string{"a-fresh-socket-hangs-up", "connecting-says-nothing", "rdhup-is-not-hup", "hup-needs-both-directions", "error-comes-with-in-and-out"},
}, {
	Asks:  "Why does a server that is out of descriptors spin?",
	Typed: []string{"too many open files", "server out of descriptors spins", "accept EMFILE busy loop"},
	Lab:   "emfile", Claims: []string{"accept-says-emfile-again-and-again", "connection-stays-queued"},
}, {
	Asks:  "Why is no FIN sent, though the program has closed?",
	Typed: []string{"FIN is not sent", "close does not send FIN", "fork close FIN"},
	Lab:   "sharedfd", Claims: []string{"close-sends-no-fin-while-shared", "last-close-sends-it", "shutdown-acts-for-all"},
}}
