package step

import (
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stop is what ^Z does, which is a key here, for the terminal is raw. It is a
// tea.ExecCommand: while it runs the terminal is the shell's.
type stop struct{}

// Run stops the process group and returns when that is continued. (tea.Suspend waits
// for SIGCONT alone. The kernel ignores SIGTSTP in an orphaned process group, as that of
// a terminal's only program is, and nothing would ever continue it.)
func (stop) Run() error {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGCONT)
	defer signal.Stop(came)
	err := syscall.Kill(0, syscall.SIGTSTP)
	select {
	case <-came:
	case <-time.After(500 * time.Millisecond):
	}
	return err
}

func (stop) SetStdin(io.Reader)  {}
func (stop) SetStdout(io.Writer) {}
func (stop) SetStderr(io.Writer) {}
