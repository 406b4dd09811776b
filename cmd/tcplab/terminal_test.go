package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// A terminal is a pseudo-terminal (pty(7)): what is written to its user side
// can be read, and what is written to it is typed.
type terminal struct {
	keyboard, user *os.File
	seen           bytes.Buffer
}

func openTerminal(t *testing.T, columns int) *terminal {
	t.Helper()
	term, err := newTerminal(columns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(term.close)
	return term
}

func newTerminal(columns int) (*terminal, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/ptmx: %w", err)
	}
	term := &terminal{keyboard: os.NewFile(uintptr(fd), "/dev/ptmx")} // non-blocking, so it has deadlines
	if err := term.open(fd, columns); err != nil {
		term.close()
		return nil, err
	}
	return term, nil
}

// open opens the user side.
func (term *terminal) open(fd, columns int) error {
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return os.NewSyscallError("ioctl TIOCSPTLCK", err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return os.NewSyscallError("ioctl TIOCGPTN", err)
	}
	size := unix.Winsize{Row: 24, Col: uint16(columns)}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &size); err != nil {
		return os.NewSyscallError("ioctl TIOCSWINSZ", err)
	}
	term.user, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	return err
}

func (term *terminal) close() {
	term.keyboard.Close()
	if term.user != nil {
		term.user.Close()
	}
}

// until reads what is printed until that contains text.
func (term *terminal) until(t *testing.T, text string) {
	t.Helper()
	if err := term.keyboard.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var b [4096]byte
	for !strings.Contains(term.seen.String(), text) {
		n, err := term.keyboard.Read(b[:])
		term.seen.Write(b[:n])
		if err != nil {
			t.Fatalf("%q did not come: %v\n%s", text, err, &term.seen)
		}
	}
}

// rest reads what is printed until nobody has the terminal any more, and
// returns all that was.
func (term *terminal) rest(t *testing.T) string {
	t.Helper()
	term.user.Close()
	if err := term.keyboard.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	// With the last user side closed the kernel says EIO.
	if _, err := io.Copy(&term.seen, term.keyboard); err != nil && !strings.Contains(err.Error(), unix.EIO.Error()) {
		t.Fatal(err)
	}
	return term.seen.String()
}

// show returns what a program prints on a terminal that it has all to itself.
func show(t *testing.T, columns int, env []string, program string, args ...string) string {
	t.Helper()
	term := openTerminal(t, columns)
	cmd := exec.Command(program, args...)
	cmd.Env = append(append(os.Environ(), "TERM=xterm", "LC_ALL=C.UTF-8", "NO_COLOR="), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.user, term.user, term.user
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	text := term.rest(t) // reads while it prints
	if err := cmd.Wait(); err != nil {
		t.Errorf("tcplab %v: %v", args, err)
	}
	return text
}

var ansi = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// widest returns the longest line of what was printed, colour aside.
func widest(printed string) string {
	longest := ""
	lines := strings.FieldsFunc(ansi.ReplaceAllString(printed, ""), func(r rune) bool { return r == '\n' || r == '\r' })
	for _, line := range lines {
		if utf8.RuneCountInString(line) > utf8.RuneCountInString(longest) {
			longest = line
		}
	}
	return longest
}

// recordsOf runs labs, some of them at length, and returns the files of their
// records.
func recordsOf(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for i, args := range []string{
		"noaccept", "noaccept --ipv6 --n 3", "selfconnect", "selfconnect --ipv6", "selfconnect --accident --ipv6",
		"backlog --n 1000 --somaxconn 1000", "backlog --n 2 --ipv6 --drain",
	} {
		out, err := tell(append(strings.Fields(args), "--json")...)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(file, out, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// No line is wider than the terminal, from 40 columns on; more than 120 are not
// used unless --width asks for them. COLUMNS goes before the terminal.
func TestTerminalWidth(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	for _, file := range recordsOf(t) {
		for _, columns := range []int{40, 60, 80, 100, 120, 200} {
			want := min(columns, 120)
			for _, flag := range []string{"--no-times=false", "--no-times"} {
				// The line between two parts goes from edge to edge.
				line := widest(show(t, columns, nil, binary, "show", file, flag))
				if got := utf8.RuneCountInString(line); got != want {
					t.Errorf("show %s %s at %d columns has %d, want %d:\n%s", file, flag, columns, got, want, line)
				}
			}
			line := widest(show(t, columns, nil, binary, "show", file, "--quiet"))
			if got := utf8.RuneCountInString(line); got > want {
				t.Errorf("show %s --quiet at %d columns has %d:\n%s", file, columns, got, line)
			}
		}
		for want, printed := range map[int]string{
			90:  show(t, 80, []string{"COLUMNS=90"}, binary, "show", file),
			140: show(t, 80, []string{"COLUMNS=90"}, binary, "show", file, "--width", "140"),
			100: show(t, 100, []string{"COLUMNS=x"}, binary, "show", file),
		} {
			if line := widest(printed); utf8.RuneCountInString(line) != want {
				t.Errorf("show %s has %d columns, want %d", file, utf8.RuneCountInString(line), want)
			}
		}
	}
}

// An explanation fits the terminal as well; where the ladder does not, it says so.
func TestTerminalExplain(t *testing.T) {
	t.Parallel()
	const apology = "The ladder is 100 columns wide, and this terminal has "
	for _, columns := range []int{80, 99, 100, 120} {
		printed := show(t, columns, nil, binary, "explain", "backlog")
		if line := widest(printed); utf8.RuneCountInString(line) > columns {
			t.Errorf("at %d columns: %s", columns, line)
		}
		if drawn := strings.Contains(printed, "SYN seq=0"); drawn != (columns >= 100) || drawn == strings.Contains(printed, apology) {
			t.Errorf("at %d columns the ladder is drawn: %t\n%s", columns, drawn, printed)
		}
		if !strings.Contains(printed, "\x1b[1mWhy Linux behaves this way\x1b[0m") {
			t.Error("no colour on a terminal")
		}
	}
}

// There is colour on a terminal only, and only where it is wanted.
func TestTerminalColor(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	colored := show(t, 100, nil, binary, "noaccept", "--no-times")
	if !strings.Contains(colored, "\x1b[32m✔ confirmed") {
		t.Error("no colour on a terminal")
	}
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
		if printed := show(t, 100, []string{env}, binary, "noaccept", "--no-times"); ansi.MatchString(printed) {
			t.Errorf("colour in spite of %s", env)
		}
	}
	plain, err := tell("noaccept", "--no-times")
	if err != nil {
		t.Fatal(err)
	}
	// Colour changes nothing else.
	if got := strings.ReplaceAll(ansi.ReplaceAllString(colored, ""), "\r\n", "\n"); got != string(plain) {
		t.Errorf("with colour:\n%s\nwithout:\n%s", got, plain)
	}
}

// While a run waits for a timer, stderr says for which and how long; nothing of
// that is left, and nothing of it goes to stdout.
func TestTerminalProgress(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	term := openTerminal(t, 80)
	var stdout bytes.Buffer
	cmd := exec.Command(binary, "backlog", "--n", "1")
	cmd.Stdout, cmd.Stderr = &stdout, term.user
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	printed := term.rest(t)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`0\.\d s left, waiting for the client's retransmit timer \(client:SYN again\)`,
		`0\.\d s left, waiting for the server's retransmit timer \(server:SYN,ACK again\)`,
	} {
		if !regexp.MustCompile(want).MatchString(printed) {
			t.Errorf("stderr has no %s:\n%q", want, printed)
		}
	}
	if line := widest(printed); utf8.RuneCountInString(line) > 80 {
		t.Errorf("the progress is wider than the terminal: %s", line)
	}
	if !strings.HasSuffix(printed, "\r\x1b[K") {
		t.Errorf("the progress is not taken away: %q", printed)
	}
	if ansi.Match(stdout.Bytes()) || regexp.MustCompile(`\d\.\d s left`).Match(stdout.Bytes()) {
		t.Errorf("stdout is not the result alone:\n%s", &stdout)
	}
}

// A narrow window has the time that is left, on one line; a terminal that can't
// write a line anew has no progress.
func TestTerminalProgressNarrow(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	for env, want := range map[string]bool{"TERM=xterm": true, "TERM=dumb": false} {
		term := openTerminal(t, 40)
		cmd := exec.Command(binary, "backlog", "--n", "1")
		cmd.Env = append(os.Environ(), env)
		cmd.Stderr = term.user
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		printed := term.rest(t)
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(printed, " s left, waiting"); got != want || !want && printed != "" {
			t.Errorf("with %s stderr has %q", env, printed)
		}
		if line := widest(printed); utf8.RuneCountInString(line) > 40 {
			t.Errorf("the progress is wider than the terminal: %s", line)
		}
	}
}

// On a terminal `tcplab all` leaves the table alone.
func TestTerminalAll(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	requireProgram(t, "tmux")
	w := openWindow(t, os.Getuid(), 100, 40, "clear; "+binary+" all --filter 'lost*'")
	screen := w.sees("lostsynack ", "ended with 0")
	if above, _, _ := strings.Cut(screen, "LAB "); strings.TrimSpace(above) != "" {
		t.Errorf("above the table there is\n%s", screen)
	}
}
