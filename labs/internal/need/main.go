package need

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/tcplab/tcplab/labs/machine"
)

// parallel is how many tests go side by side. They wait for the kernel's timers,
// which takes no processor; but each has some milliseconds of work to do first,
// and with many more at once their stories would hold one another up.
const parallel = "32"

// Main runs the tests of a package, for its TestMain, and returns their exit
// status. An ordinary user's tests start themselves once more as the root of a
// user namespace, as tcplab does. Where he may have none, they run without, and
// are skipped where they need it.
func Main(m *testing.M) int {
	if !machine.Privileged() {
		if status, ok := asRoot(); ok {
			return status
		}
	}
	if err := raiseParallel(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// asRoot runs this same program in a user namespace, if there can be one.
func asRoot() (status int, ok bool) {
	runtime.LockOSThread() // see machine.AsRoot
	defer runtime.UnlockOSThread()
	cmd := machine.AsRoot(os.Args[1:]...)
	if err := cmd.Start(); err != nil {
		return 0, false
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, true
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), true
	}
	fmt.Fprintln(os.Stderr, "the tests in a user namespace:", err)
	return 1, true
}

// raiseParallel sets the flag -parallel, unless it was given.
func raiseParallel() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", parallel)
}
