package play_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/play"
	"github.com/tcplab/tcplab/labs/record"
)

// wrongTalk is what no author understands.
var wrongTalk = regexp.MustCompile(`panic|runtime error|reflect|goroutine|%!|<nil>`)

// Every word of every thing bears every kind of argument, where the text does not say
// what the thing is: it does what it does, or says in one line, with its place, why not.
func TestEveryWordBearsAnything(t *testing.T) {
	t.Parallel()
	begin := `
l = server.listen(80)
c = client.connect(l)
first = wire.next("SYN")
first.deliver()
wire.pass_("SYN,ACK", "ACK")
opened = wire.handshake(client.connect(l))
c.write("x")
def change(t):
    things["tcp"] = t
things = {"host": server, "sock": c, "end": c.peer, "wire": wire, "segment": first, "answer": first.provoke(), "handshake": opened, "timeleft": c.time_left, "schedule": client.syn_schedule()}
wire.next("client:data").forge(change)
`
	things := play.Things()
	kinds := []string{`"x"`, "1", "-1", "None", "c", "lambda *args: 0"}
	for _, thing := range things {
		if thing.Name == "attempts" { // to have such takes the time of a whole schedule
			continue
		}
		for _, word := range thing.Words {
			if thing.Name == "sock" && (has(things, "host", word) || has(things, "end", word)) {
				continue // the same once more
			}
			t.Run(thing.Name+"."+word.Name, func(t *testing.T) {
				t.Parallel()
				for _, kind := range kinds {
					call := fmt.Sprintf("things[%q].%s", thing.Name, word.Name)
					n := params(thing, word)
					if !word.Value {
						args := make([]string, n)
						for i := range args {
							args[i] = kind
						}
						call += "(" + strings.Join(args, ", ") + ")"
					}
					r := told(t, begin+`show("it", `+call+")\n", lab.Options{Patience: 10 * time.Millisecond})
					if wrongTalk.MatchString(r.Error) || r.Outcome == record.Broken && !strings.HasPrefix(r.Error, "mine.star:13:") && r.Late == nil {
						t.Errorf("%s: %s", call, r.Error)
					}
					if n == 0 {
						break
					}
				}
			})
		}
	}
}

func has(things []play.Thing, name string, word play.Word) bool {
	return slices.ContainsFunc(things, func(t play.Thing) bool { return t.Name == name && slices.Contains(t.Words, word) })
}

// params is how many parameters a word has; one that takes any number counts as one.
func params(thing play.Thing, word play.Word) int {
	m, ok := thing.Type.MethodByName(word.Go)
	if !ok { // a field
		return 0
	}
	return m.Type.NumIn() - 1 // the receiver
}
