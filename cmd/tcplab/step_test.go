package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A window is a terminal of tmux's, with a shell in it that runs one command.
type window struct {
	t      *testing.T
	socket string
}

// openWindow opens a window of so many columns and rows, in which the user uid
// runs a command. When that has ended the window says so, and how it has left
// the terminal.
func openWindow(t *testing.T, uid, columns, rows int, command string) *window {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(binary), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	w := &window{t, filepath.Join(dir, "tmux")}
	command += `; echo "ended with $?"; stty -a | grep -owE -- '-?(icanon|echo|isig|opost|icrnl)' | xargs; exec cat`
	cmd := exec.Command("tmux", "-u", "-S", w.socket, "-f", "/dev/null", "new-session", "-d",
		"-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows), command)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "NO_COLOR=", "SHELL=/bin/sh")
	var out []byte
	if err := elsewhere(uid, openNode, func() (err error) { out, err = cmd.CombinedOutput(); return err }); err != nil {
		t.Fatalf("tmux: %v\n%s", err, out)
	}
	t.Cleanup(func() { w.tmux("kill-server") })
	return w
}

func (w *window) tmux(args ...string) string {
	w.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-u", "-S", w.socket}, args...)...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// sees waits until the window shows all of the texts, and returns what it shows.
func (w *window) sees(texts ...string) (screen string) {
	w.t.Helper()
	shown := func() bool {
		screen = w.tmux("capture-pane", "-p")
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(screen, text) })
	}
	if !poll(shown) {
		w.t.Fatalf("%q does not come:\n%s", texts, screen)
	}
	return screen
}

// types presses keys, by tmux's names for them.
func (w *window) types(keys ...string) { w.tmux(append([]string{"send-keys"}, keys...)...) }

// colourless fails where there is colour on the screen in spite of a setting. That of a
// locale without UTF-8 says nothing of colour.
func (w *window) colourless(env string) {
	w.t.Helper()
	if screen := w.tmux("capture-pane", "-p", "-e"); env != "LC_ALL=C" && strings.Contains(screen, "\x1b[") {
		w.t.Errorf("there is colour in spite of %s:\n%q", env, screen)
	}
}

// sane is what the window says of a terminal as a shell leaves it to a program.
const sane = "icrnl opost isig icanon echo"

// fixture is a saved run, of 23 steps.
func fixture(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs("internal/step/testdata/noaccept.json")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// altered is a copy of the fixture with some text replaced.
func altered(t *testing.T, before, after string) string {
	t.Helper()
	data, err := os.ReadFile(fixture(t))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), before) {
		t.Fatalf("there is no %q in the record", before)
	}
	file := filepath.Join(t.TempDir(), "run.json")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(data), before, after)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The keys go through the run, and in the end the terminal is as it was, with
// the verdicts on it.
func TestStep(t *testing.T) {
	t.Parallel()
	requireProgram(t, "tmux")
	w := openWindow(t, os.Getuid(), 100, 40, binary+" show --step "+fixture(t))
	for _, test := range []struct {
		key  string
		want []string
	}{
		{"", []string{"step 1 of 23", "▶ ── A handshake, and nobody calls accept", "client  no socket"}},
		{"Right", []string{"step 2 of 23", "The server's program calls socket(), which returns 3."}},
		{"Enter", []string{"step 3 of 23"}},
		{"Space", []string{"step 4 of 23", "CLOSE ━▶ [LISTEN]", "on passive OPEN", "queue 0 of 1"}},
		{"Left", []string{"step 3 of 23"}},
		{"BSpace", []string{"step 2 of 23"}},
		{"n", []string{"step 8 of 23", "LISTEN ━▶ [SYN_RECV]", "The client's SYN arrives at the server."}},
		{"n", []string{"step 9 of 23", "SYN_SENT ━▶ [ESTABLISHED]", "on SYN,ACK, sends ACK", "▶    0.30                   ESTABLISHED │◀────"}},
		{"p", []string{"step 8 of 23"}},
		{"v", []string{"step 12 of 23", "Confirmed: Both ends are ESTABLISHED though the server has not called accept."}},
		{"d", []string{"step 12 of 23", "no drop after this one"}},
		{"End", []string{"step 23 of 23"}},
		{"PageUp", []string{"step 13 of 23"}},
		{"Down", []string{"step 23 of 23"}},
		{"Home", []string{"step 1 of 23"}},
		{"?", []string{"Any key goes back"}},
		{"x", []string{"step 1 of 23"}},
		{"q", []string{"myth refuted: accept-takes-part-in-handshake", "no surprise", "ended with 0", sane}},
	} {
		if test.key != "" {
			w.types(test.key)
		}
		screen := w.sees(test.want...)
		if test.key == "q" && strings.Contains(screen, "step 1") {
			t.Errorf("the steps are still there:\n%s", screen)
		}
	}
}

// The screen follows the window's size; a low one has no room for the diagrams.
func TestStepResize(t *testing.T) {
	t.Parallel()
	requireProgram(t, "tmux")
	w := openWindow(t, os.Getuid(), 80, 24, binary+" show --step "+fixture(t))
	diagram := func(screen string) bool { return strings.Contains(screen, "LAST_ACK") }
	w.sees("step 1 of 23")
	w.types("n", "n")
	if screen := w.sees("step 9 of 23", "▶    0.30              ESTABLISHED │◀── SYN,ACK ack=1 ───┤", "SYN_SENT ━▶ [ESTABLISHED]"); diagram(screen) {
		t.Errorf("there are diagrams on 24 rows:\n%s", screen)
	}
	w.tmux("resize-window", "-x", "120", "-y", "50")
	w.sees("step 9 of 23", "(SYN_SENT)", "LAST_ACK", "│◀─────── SYN,ACK seq=0 ack=1 ────────┤")
	w.tmux("resize-window", "-x", "60", "-y", "12")
	if screen := w.sees("step 9 of 23", "SYN_SENT ━▶ [ESTABLISHED]"); diagram(screen) {
		t.Errorf("there are diagrams on 12 rows:\n%s", screen)
	}
	w.tmux("resize-window", "-x", "100", "-y", "40")
	w.sees("step 9 of 23", "LAST_ACK", "SYN,ACK seq=0 ack=1 ")
	w.types("C-c")
	w.sees("ended with 0", sane)
}

// Job control stops it and continues it: after ^Z the shell finds the terminal as it
// was, and then the step is there again.
func TestStepStopped(t *testing.T) {
	t.Parallel()
	requireProgram(t, "tmux")
	requireProgram(t, "bash")
	accounts.orSkip(t)
	for _, u := range allAccounts() {
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			program := ownBinary(t)
			w := openWindow(t, u.uid, 100, 40, "env PS1='shell> ' HISTFILE= bash --norc --noprofile -i")
			const setting = `stty -a | grep -owE -- '-?(icanon|echo|isig|opost|icrnl)' | xargs`
			w.sees("shell>")
			w.types(program+" fourway --step", "Enter")
			w.sees("step 1 of ")
			w.types("Right")
			w.sees("step 2 of ")
			for i := 2; i < 4; i++ {
				w.types("C-z")
				w.sees("Stopped")
				w.types("clear; "+setting, "Enter")
				w.sees(sane)
				w.types("clear; fg", "Enter")
				w.sees(fmt.Sprintf("step %d of ", i), "LAST_ACK")
				w.types("Right")
				w.sees(fmt.Sprintf("step %d of ", i+1))
			}
			w.types("q")
			w.sees("no surprise", "shell>")
			w.types("clear; "+setting+"; exit", "Enter")
			w.sees(sane, "ended with 0")
		})
	}
}

// Where nobody could continue it, as in a window of its own, ^Z does not stop it.
func TestStepAlone(t *testing.T) {
	t.Parallel()
	requireProgram(t, "tmux")
	w := openWindow(t, os.Getuid(), 100, 40, binary+" show --step "+fixture(t))
	w.sees("step 1 of 23")
	w.types("C-z")
	w.types("Right")
	w.sees("step 2 of 23", "LAST_ACK")
	w.types("q")
	w.sees("ended with 0", sane)
}

// A record from elsewhere can't reach the terminal: what it holds is shown.
func TestStepHostile(t *testing.T) {
	t.Parallel()
	requireProgram(t, "tmux")
	const before, evil = `"timer":"retransmit"`, `"timer":"\u001b[2J\u001b]2;pwned\u0007"`
	w := openWindow(t, os.Getuid(), 120, 40, binary+" show --step "+altered(t, before, evil))
	w.sees("step 1 of 23")
	w.types("n")
	w.sees("step 8 of 23", `no descriptor, \x1b[2J\x1b]2;pwned\a timer`)
	if title := w.tmux("display-message", "-p", "#{pane_title}"); strings.Contains(title, "pwned") {
		t.Errorf("the title is %s", title)
	}
	w.types("q")
	w.sees("ended with 0", sane)
}

// The exit status is the run's, and without colour or UTF-8 it works as well.
func TestStepPlain(t *testing.T) {
	t.Parallel()
	requireProgram(t, "tmux")
	file := altered(t, `"outcome":"expected"`, `"outcome":"surprise"`)
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb", "LC_ALL=C"} {
		w := openWindow(t, os.Getuid(), 100, 40, env+" "+binary+" show --step "+file)
		w.sees("step 1 of 23")
		w.types("n")
		arrow := "━▶"
		if env == "LC_ALL=C" {
			arrow = "=>"
		}
		w.sees("step 8 of 23", "LISTEN "+arrow+" [SYN_RECV]", "(LISTEN)")
		w.colourless(env)
		w.types("q")
		w.sees("ended with 1", sane)
	}
}

// After a live run it is the same, for root and for an ordinary user, and a
// signal puts the terminal back.
func TestStepRun(t *testing.T) {
	t.Parallel()
	requireProgram(t, "tmux")
	accounts.orSkip(t)
	for _, u := range allAccounts() {
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			program := ownBinary(t)
			command := program + " noaccept --step"
			w := openWindow(t, u.uid, 100, 40, command+`; echo "first $?"; `+command)
			w.sees("step 1 of 23")
			w.types("G")
			w.sees("step 23 of 23", "[ESTABLISHED]")
			w.types("q")
			w.sees("step 1 of 23")
			outer := slices.Min(processesOf(program)) // it has started the other
			if err := syscall.Kill(outer, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			screen := w.sees("first 0", "ended with 130", sane)
			if strings.Count(screen, "tcplab: interrupted") != 1 || strings.Count(screen, "noaccept: 5 claims") != 1 {
				t.Errorf("it does not end with the first summary and one line:\n%s", screen)
			}
		})
	}
}

// A run of programs can be gone through, too, once it is over. What its client reads is
// the terminal.
func TestStepPrograms(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	requireProgram(t, "tmux")
	requireProgram(t, "nc")
	w := openWindow(t, os.Getuid(), 80, 24, binary+" run --step --server 'nc -lN 80 </proc/sys/kernel/ostype' --expect 'client exits 0' -- sh -c 'nc server 80 </dev/null; read word; echo it was $word'")
	w.sees("client: Linux")
	w.types("this", "Enter")
	w.sees("The server's program starts", "step 1 of")
	w.types("Right", "Right", "Right")
	w.sees("step 4 of", "SYN_SENT", "The client's socket", "[LISTEN]")
	if screen := w.sees("step 4 of"); strings.Contains(screen, "a timer of the kernel") {
		t.Errorf("a timer is said to have made the connection:\n%s", screen)
	}
	w.types("q")
	w.sees("met: client exits 0", "ended with 0", sane)
}
