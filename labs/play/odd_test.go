package play_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/play"
	"github.com/tcplab/tcplab/labs/record"
)

var odd = flag.Int("odd", 1, "how many of the odd arguments every word is called with")

// oddArguments are of every kind, and mostly of the wrong one.
var oddArguments = []string{
	"", "0", "-1", "(1 << 31) - 1", "1 << 70", `"x"`, `""`, "None", "[]", "0.5", "1e300", "True", "client", "c", "wire", "lambda: 0", "lambda t: t", "{}", "name=1",
	"0, 0", "-1, -1", `"net.ipv4.tcp_sack", "x"`, `"x", 0`, "c, c", `"x", c, c`, "0, 0, 0", "100000, 100000", `"SYN", "SYN"`, "[c]", "client.addr(1)", `server.addr(80), "x"`, "OK, OK, OK",
}

// Whatever a word is called with, the story is told, or breaks with a message for its
// author that names the place.
func TestOddArguments(t *testing.T) {
	t.Parallel()
	named := map[string]string{
		"host": "client", "sock": "c", "end": "c.peer", "wire": "wire", "segment": "syn", "attempts": "tries", "timeleft": "c.timer[1]", "schedule": "client.syn_schedule()",
	}
	var words []string
	for _, thing := range play.Things() {
		for _, w := range thing.Words {
			if name := named[thing.Name]; name != "" && !w.Value {
				words = append(words, name+"."+w.Name)
			}
		}
	}
	words = append(words, play.Globals()...)
	for _, usage := range play.Usages() {
		name, _, _ := strings.Cut(usage, "(")
		words = append(words, name)
	}
	for i, word := range words {
		for j, args := range oddArguments {
			if (i+j)%len(oddArguments) >= *odd {
				continue
			}
			begin := "l = server.listen(80)\nc = client.connect(l)\nsyn = wire.next('SYN').hold()\n"
			if strings.HasPrefix(word, "tries.") {
				begin += "client.set_sysctl('net.ipv4.tcp_syn_retries', '1')\nclient.set_sysctl('net.ipv4.tcp_syn_linear_timeouts', '0')\nclient.set_default('net.ipv4.tcp_rto_max_ms', '1000')\ntries = wire.of(c).unanswered('SYN', syn)\n"
			}
			source := begin + fmt.Sprintf("%s(%s)\n", word, args)
			t.Run(word+"("+args+")", func(t *testing.T) {
				t.Parallel()
				l, err := play.Compile("mine.star", []byte(source))
				if err != nil {
					if !strings.HasPrefix(err.Error(), "mine.star:") {
						t.Error(err)
					}
					return
				}
				r, err := lab.Run(t.Context(), l, lab.Options{Patience: 50 * time.Millisecond, Budget: 20 * time.Second})
				labtest.SkipIfMissing(t, err)
				if err != nil {
					t.Fatal(err)
				}
				if r.Outcome == record.Broken && r.Late == nil && !strings.HasPrefix(r.Error, "mine.star:") {
					t.Error(r.Error)
				}
				for _, bad := range []string{"panic", "runtime error", "reflect", "goroutine", "0x", "%!"} {
					if strings.Contains(r.Error, bad) {
						t.Error(r.Error)
					}
				}
			})
		}
	}
}
