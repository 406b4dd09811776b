package seen

const fullQueue = "Before commit 3479c7549fb1, which is in stable kernels of 2025, inet_csk_reqsk_queue_is_full took a queue for full that had as many requests as the backlog: it kept one less."

// causes says why a claim does not come out the same on all kernels, or is seen in
// another way: by lab and claim, or by the lab alone.
var causes = map[string]string{
	"destroy/time-wait-goes-silently":               "tcp_abort of Linux 5.10 refuses a time-wait socket (EOPNOTSUPP); that of 6.1 takes it out of its table.",
	"reuseport/migrate-req-keeps-them":              "Sockets migrate since Linux 5.14. Late releases of 5.10 have the sysctl without anything that reads it.",
	"reuseport/a-full-queue-takes-nobody-over":      "Sockets migrate since Linux 5.14. Late releases of 5.10 have the sysctl without anything that reads it.",
	"stream/peek-off-moves-on":                      "Linux 6.1 has no SO_PEEK_OFF for TCP; 6.12 has it.",
	"lostsyn/retry-schedule":                        "Before Linux 6.5 there is no tcp_syn_linear_timeouts: the time doubles from the first timeout on. The lab sets tcp_rto_max_ms to a second where there is such a sysctl (not on 6.12); then the time of one doubling is over sooner.",
	"backlog/backlog-is-syn-queue":                  fullQueue,
	"synqueue/syn-queue-limited-by-backlog":         fullQueue,
	"synqueue/max-syn-backlog-limits-the-syn-queue": fullQueue,
	"blinddata/ack-of-the-unsent-is-refused":        "Seen, and not judged: later kernels answer such a segment with an ACK.",
	"autotuning/buf-lock-gives-it-back":             "SO_BUF_LOCK is there since Linux 5.15.",
	"delack/delack-max-shortens-the-wait":           "TCP_DELACK_MAX_US is there since Linux 6.15.",
	"paws/a-wrong-echo-completes-nothing":           "Before, the kernel does not look at the echo in the segment that completes a handshake.",
	"paws/old-acks-get-no-answer":                   "Before Linux 6.14, which counts PAWSOldAck, such an ACK is answered.",
	"reneging/what-is-out-of-order-goes-first":      "Seen, and not judged: how many segments have to go depends on how much memory the kernel reckons for each.",
	"rtolimits/rto-max-ends-the-doubling":           "TCP_RTO_MAX_MS is there since Linux 6.15.",
	"rtolimits/rto-min-is-the-sockets-own":          "TCP_RTO_MIN_US is there since Linux 6.15.",
	"window/shrink-window-takes-it-back":            "Linux 5.10 has no tcp_shrink_window.",
	"twreuse/connect-takes-over-after-the-delay":    "The sysctl tcp_tw_reuse_delay is there since Linux 6.14.",
}

// Cause says why a row is not the same on all kernels, where that is known.
func Cause(r Row) string {
	if why := causes[r.Lab()+"/"+r.Claim]; why != "" {
		return why
	}
	return causes[r.Lab()]
}
