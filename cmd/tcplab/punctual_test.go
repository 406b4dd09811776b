package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tcplab/tcplab/labs/lab/labtest"
)

// heldUp reports whether a run broke only because the machine held it up, as it says
// itself. Such a run is no evidence of anything, so a test that is about something
// else tells it again (see labtest.Punctual).
func heldUp(err error, said string) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 3 && strings.Contains(said, "held up")
}

// tell runs tcplab until the machine does not hold it up, and returns what it printed
// on stdout. An error has what it said besides.
func tell(args ...string) (stdout []byte, err error) {
	for range labtest.Attempts {
		cmd := exec.Command(binary, args...)
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		if err = cmd.Run(); err == nil {
			return out.Bytes(), nil
		}
		stdout = out.Bytes()
		late := heldUp(err, out.String()+said.String())
		err = fmt.Errorf("tcplab %s: %w\n%s%s", strings.Join(args, " "), err, &out, &said)
		if !late {
			break
		}
	}
	return stdout, err
}

// punctual is a script's exec for a lab: it tells it again while it is held up.
func punctual(ts *testscript.TestScript, args []string) (err error) {
	if len(args) == 0 {
		return errors.New("usage: punctual PROGRAM ARG...")
	}
	for range labtest.Attempts {
		err = ts.Exec(args[0], args[1:]...)
		if !heldUp(err, ts.ReadFile("stdout")+ts.ReadFile("stderr")) {
			break
		}
	}
	return err
}

// whole is a script's exec for many labs: where all of them run at once on a busy
// machine, hardly one run of them is without any that is held up.
func whole(ts *testscript.TestScript, args []string) error {
	if len(args) == 0 {
		return errors.New("usage: whole PROGRAM ARG...")
	}
	err := ts.Exec(args[0], args[1:]...)
	if heldUp(err, ts.ReadFile("stdout")) {
		return nil
	}
	return err
}
