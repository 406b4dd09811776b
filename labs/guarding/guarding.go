// Package guarding holds the labs about segments that do not belong to the
// connection that they arrive at: forged ones, old ones, those of a host that has
// forgotten it.
package guarding

import (
	"embed"

	"github.com/tcplab/tcplab/labs/lab"
)

// Labs are the section's labs, in teaching order.
var Labs = []*lab.Lab{
	&blindRST, &blindSYN, &blindData, &paws, &twSYN, &oldFIN, &signature, &rateLimit,
}

// Pictures holds the labs' golden ladders, NAME.ladder and its variants.
//
//go:embed all:testdata
var Pictures embed.FS

// noLimit is why a claim about the limit does not apply.
const noLimit = "tcp_invalid_ratelimit is so short that the limit may be over"

// challengeACKs is how many challenge ACKs the host may send in a second; half of
// enough are enough for a story.
const (
	challengeACKs = "net.ipv4.tcp_challenge_ack_limit"
	enough        = 16

	fewChallenges = "tcp_challenge_ack_limit is so low that it may be used up"
)

// noRateLimit is a control: the server answers every segment.
func noRateLimit(s *lab.Script) { s.Server.SetSysctl(lab.InvalidRateLimit, "0") }
