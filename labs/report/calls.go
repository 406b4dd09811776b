package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// calls remembers which sockets are connecting: connect has returned before the
// handshake was over, and the program has not asked for the outcome.
type calls struct{ connecting map[descriptor]bool }

type descriptor struct{ host, number string }

// call adds a system call, as strace would write it but for what is the same
// every time: the arguments of socket where they tell nothing, and a result of 0.
func (b *rowBuilder) call(e record.Event, c *record.Call) {
	args := strings.Join(c.Args, ", ")
	switch c.Call {
	case "sysctl":
		b.remark(e, setting, c.Host+": sysctl "+args)
		return
	case "socket":
		args = b.family(c)
		if slices.Contains(c.Args, "SOCK_DGRAM") { // the only one that is not TCP's
			args = "SOCK_DGRAM"
		}
	}
	b.rows = append(b.rows, row{
		at: e.At, host: c.Host, call: c, text: fmt.Sprintf("%s(%s)", c.Call, args), result: resultText(c), means: b.means(c),
	})
}

// family is the family of a new socket, where the hosts have addresses of both.
func (b *rowBuilder) family(c *record.Call) string {
	for _, h := range b.run.Environment.Hosts {
		if slices.ContainsFunc(h.Addresses, netip.Addr.Is4) && slices.ContainsFunc(h.Addresses, netip.Addr.Is6) && len(c.Args) > 0 {
			return c.Args[0]
		}
	}
	return ""
}

// means says what the result of a call means that does not say so itself: connect and
// accept on a socket that does not block, and the question for connect's outcome.
func (k *calls) means(c *record.Call) string {
	if len(c.Args) == 0 {
		return ""
	}
	d := descriptor{c.Host, c.Args[0]}
	switch {
	case c.Call == "connect" && c.Errno == "EINPROGRESS":
		if k.connecting == nil {
			k.connecting = map[descriptor]bool{}
		}
		k.connecting[d] = true
		return "under way"
	case c.Call == "getsockopt" && slices.Contains(c.Args, "SO_ERROR") && k.connecting[d]:
		delete(k.connecting, d)
		if c.Args[len(c.Args)-1] == "[0]" {
			return "connect succeeded"
		}
		return "connect failed"
	case c.Call == "accept" && c.Errno == "EAGAIN":
		return "none yet"
	case c.Call == "close":
		delete(k.connecting, d)
	}
	return ""
}

// resultText is what a call has returned, where that is worth a word.
func resultText(c *record.Call) string {
	switch {
	case c.Errno != "":
		return " = " + c.Errno
	case c.Result != "0", c.Call == "read": // read returns 0 at the end of the stream
		return " = " + c.Result
	}
	return ""
}

// callText is a call as strace prints it.
func callText(c *record.Call) string {
	text := c.Call + "(" + strings.Join(c.Args, ", ") + ") = " + c.Result
	if c.Errno != "" {
		text += " " + c.Errno
	}
	return text
}

// outcome is what stands behind a call: what it has returned, and what that means.
func (r *row) outcome() string { return r.result + r.meaning() }

func (r *row) meaning() string {
	if r.means == "" {
		return ""
	}
	return " (" + r.means + ")"
}

// callLines are the call and its outcome, broken where one of them ends if there is
// no room for them on one line.
func (r *row) callLines(width int) []string {
	lines := wrap(r.text, width)
	rest := []string{r.outcome()}
	if length(strings.TrimSpace(r.outcome())) > width {
		rest = []string{r.result, r.meaning()}
	}
	for _, text := range rest {
		if last := len(lines) - 1; length(lines[last]+text) <= width {
			lines[last] += text
		} else if text != "" {
			lines = append(lines, wrap(text, width)...)
		}
	}
	return lines
}
