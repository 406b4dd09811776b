package vm

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openPort opens the serial port that a guest speaks through, and has it pass all as it
// is, as cfmakeraw(3) has it.
func openPort() (*os.File, error) {
	f, err := os.OpenFile(port, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", port, os.NewSyscallError("tcgetattr", err))
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t); err != nil {
		return nil, fmt.Errorf("%s: %w", port, os.NewSyscallError("tcsetattr", err))
	}
	return f, nil
}
