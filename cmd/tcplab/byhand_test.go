package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab/labtest"
)

// typed enters lines that come from no terminal, in an empty directory, and returns
// what is printed; again where the machine holds the story up. Nothing may go to stderr.
func typed(t *testing.T, lines string, args ...string) (printed, dir string) {
	t.Helper()
	var out, said bytes.Buffer
	var err error
	for range labtest.Attempts {
		dir = t.TempDir()
		out.Reset()
		said.Reset()
		cmd := exec.Command(binary, append([]string{"play", "--no-times"}, args...)...)
		cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, strings.NewReader(lines), &out, &said
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		if err = cmd.Run(); !strings.Contains(out.String()+said.String(), "held up") {
			break
		}
	}
	if err != nil || said.Len() > 0 {
		t.Fatalf("%v\n%s%s", err, &out, &said)
	}
	return out.String(), dir
}

// A story that is typed line by line is saved as it was, and what it draws is what its
// file draws, byte for byte but for its name.
func TestByHandStories(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	for _, name := range []string{"unread.star", "lostfin.star", "unreachable.star"} { // package prompt tries all
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("../../docs/stories", name)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			drawn, dir := typed(t, string(text)+"save('saved.star')\nexpect(1, 1)\nundo()\nladder()\n")
			saved, err := os.ReadFile(filepath.Join(dir, "saved.star"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(text), string(saved)); diff != "" {
				t.Errorf("saved (-typed +saved):\n%s", diff)
			}
			_, ladder, ok := strings.Cut(drawn, "taken back: expect(1, 1)\n")
			if !ok {
				t.Fatalf("undo has not told:\n%s", drawn)
			}
			if after, ok := strings.CutPrefix(ladder, "on the wire: "); ok {
				_, ladder, _ = strings.Cut(after, "\n")
			}
			told, err := tell("play", "--no-times", file)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(string(told), file, "prompt")
			if diff := cmp.Diff(want, ladder); diff != "" {
				t.Errorf("drawn (-file +typed):\n%s", diff)
			}
		})
	}
}

// The session in the guide is what its lines lead to.
func TestByHandGuide(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	guide, err := os.ReadFile("../../docs/stories.md")
	if err != nil {
		t.Fatal(err)
	}
	_, session, _ := strings.Cut(string(guide), "\n## By hand\n")
	_, session, _ = strings.Cut(session, "\n```\n")
	session, _, ok := strings.Cut(session, "```\n")
	asks := regexp.MustCompile(`(?m)^\d+> (.*\n)`)
	var lines strings.Builder
	for _, line := range asks.FindAllStringSubmatch(session, -1) {
		lines.WriteString(line[1])
	}
	if !ok || lines.Len() == 0 {
		t.Fatalf("the guide has no session:\n%s", session)
	}
	want := strings.ReplaceAll(asks.ReplaceAllString(session, ""), "saved: tcplab play", "saved: tcplab play --no-times --width 80")
	got, _ := typed(t, lines.String(), "--width", "80")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-guide +typed):\n%s", diff)
	}
}

// At a terminal each line acts at once. What waits on the wire stands above the
// prompt, and Tab knows it.
func TestByHandTerminal(t *testing.T) {
	t.Parallel()
	requireProgram(t, "tmux")
	labs.orSkip(t)
	dir := t.TempDir()
	w := openWindow(t, os.Getuid(), 80, 24, "cd "+dir+"; "+binary+" play --no-times")
	for _, test := range []struct {
		keys []string
		want []string
	}{
		{nil, []string{"A laboratory by hand", "Ctrl-D ends", "client 192.0.2.1 │", "1>"}},
		{[]string{"l = ser", "Tab", ".lis", "Tab", "(80)", "Enter"}, []string{"1> l = server.listen(80)", "│ listen(3, 16)", "LISTEN, queue 0", "2>"}},
		{[]string{"c = client.connect(l)", "Enter"}, []string{"SYN_SENT", "on the wire: client:SYN\n3>"}},
		{[]string{`wire.next("`, "Tab"}, []string{"SYN         client:SYN\n3> wire.next("}},
		{[]string{"c", "Tab"}, []string{`3> wire.next("client:SYN`}},
		{[]string{"C-c"}, []string{"\n3>\non the wire: client:SYN\n3>"}},
		{[]string{"wire.next(5)", "Enter"}, []string{"prompt:3:10: wire.next: argument 1: it is int, want a string\non the wire: client:SYN\n3>"}},
		{[]string{"Up", "BSpace", "BSpace", `"SYN").drop()`, "Enter"}, []string{"╳ lost", "4>"}},
		{[]string{"for i in range(2):", "Enter", "Tab", "show(str(i), i)", "Enter", "Enter"}, []string{"5.     show(str(i), i)\n6.\n· 0: 0\n· 1: 1\n6>"}},
		{[]string{"undo()", "Enter"}, []string{"taken back: for i in range(2):\n                show(str(i), i)\n", "4>"}},
		{[]string{`c.state`, "Enter"}, []string{"4> c.state\n\"SYN_SENT\"\n5>"}},
		{[]string{`save("mine.star")`, "Enter"}, []string{"saved: tcplab play --no-times mine.star"}},
		// A wait is shown, and Ctrl-C ends it; the line is no part of the story.
		{[]string{`[wire.retransmission("client:SYN").drop() for i in range(9)]`, "Enter"}, []string{" s left of the client's retransmit timer (client:SYN again); Ctrl-C ends it"}},
		{[]string{"C-c"}, []string{"interrupted\n5>"}},
		{[]string{`[wire.retransmission("client:SYN").drop() for i in range(5)]`, "Enter"}, []string{"interrupted\n5>", "lost │\n6>"}},
		{[]string{"c.rto", "Enter"}, []string{" s left of the client's retransmit timer (client:SYN again), told again\n"}},
		{[]string{"C-c"}, []string{"interrupted\n6>"}},
		{[]string{"(", "Enter"}, []string{"\n7."}},
		{[]string{"C-c", "quit()", "Enter"}, []string{"ended with 0", sane}},
	} {
		if test.keys != nil {
			w.types(test.keys...)
		}
		w.sees(test.want...)
	}
	saved, err := os.ReadFile(filepath.Join(dir, "mine.star"))
	want := "l = server.listen(80)\nc = client.connect(l)\nwire.next(\"SYN\").drop()\nc.state\n"
	if err != nil || string(saved) != want {
		t.Errorf("%v\n%s", err, saved)
	}
}

// Ctrl-Z stops the program, with the terminal as it was; fg brings the line back. What
// is pasted is taken as it is: no Tab completes there, and no empty line ends a block.
func TestByHandStopped(t *testing.T) {
	t.Parallel()
	requireProgram(t, "tmux")
	labs.orSkip(t)
	w := openWindow(t, os.Getuid(), 80, 40, "set -m; "+binary+" play --no-times; stty -a | grep -owE -- '-?(icanon|echo)' | xargs; fg")
	w.sees("1>")
	w.types("client.so")
	w.sees("1> client.so")
	w.types("C-z")
	w.sees("icanon echo", "1> client.so\n")
	w.types("cket()", "Enter")
	w.sees("1> client.socket()\n", "socket() = 3", "2>")
	w.tmux("set-buffer", "for i in range(2):\n\tclient.socket()\n\n\tshow('n', i)\n'x' + 'y'\n")
	w.tmux("paste-buffer", "-p")
	w.sees("· n: 0\n", "· n: 1\n\"xy\"\n7>")
	w.types("C-d")
	w.sees("ended with 0", sane)
}

// Without colour, and where a line can't be written anew, it works as well.
func TestByHandPlain(t *testing.T) {
	t.Parallel()
	requireProgram(t, "tmux")
	labs.orSkip(t)
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb", "LC_ALL=C"} {
		w := openWindow(t, os.Getuid(), 80, 24, env+" "+binary+" play")
		w.sees("1>")
		w.types("l = server.listen(80)", "Enter")
		w.sees("listen(3, 16)", "2>")
		w.types("expect(l.queue, 1)", "Enter")
		mark := "✘ SURPRISE: refuted: line-2"
		if env == "LC_ALL=C" {
			mark = "! SURPRISE: refuted: line-2"
		}
		w.sees(mark, "seen: l.queue = 0 (the claim says 1)", "3>")
		w.colourless(env)
		w.types("C-d")
		w.sees("ended with 1", sane)
	}
}

// Whoever types, and whatever ends the session, the terminal is as it was.
func TestByHandEnds(t *testing.T) {
	t.Parallel()
	requireProgram(t, "tmux")
	accounts.orSkip(t)
	for _, u := range allAccounts() {
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			program := ownBinary(t)
			w := openWindow(t, u.uid, 80, 24, program+` play; echo "first $?"; `+program+" play")
			w.sees("1>")
			w.types("c = client.soc", "Tab", "()", "Enter")
			w.sees("socket() = 3", "2>")
			w.types("C-d")
			w.sees("first 0", "1>")
			w.types("client.connect(server.listen(80))", "Enter", `[wire.retransmission("client:SYN").drop() for i in range(9)]`, "Enter")
			w.sees(" s left of the client's")
			outer := slices.Min(processesOf(program)) // it has started the other
			if err := syscall.Kill(outer, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			w.sees("tcplab: interrupted", "ended with 130", sane)
		})
	}
}
