package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScript runs testdata/script/*.txtar: tcplab as a user types it. Besides
// testscript's own commands there are
//
//	punctual PROGRAM ARG...                exec, again while the machine holds a lab up
//	whole PROGRAM ARG...                   exec of many labs, any of which may be held up
//	exits STATUS PROGRAM ARG...            the program ends with that status
//	refused STATUS REGEXP PROGRAM ARG...   it also prints nothing but one line on
//	                                       stderr: "tcplab: " and what matches
//	asuser open|closed COMMAND...          exits or refused as an ordinary user, with
//	                                       /dev/net/tun open or closed to him
//
// and the conditions [labs], [trace] and [user]: see need.
func TestScript(t *testing.T) {
	t.Parallel()
	root, err := os.MkdirTemp(filepath.Dir(binary), "script")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o755); err != nil { // for asuser
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		WorkdirRoot:         root,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(binary)+":"+env.Getenv("PATH"))
			env.Setenv("LANG", "C.UTF-8")
			return nil
		},
		Condition: func(name string) (bool, error) {
			if _, ok := found[need(name)]; !ok {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			why, err := need(name).unmet()
			return why == "", err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"punctual": wrap("punctual", punctual),
			"whole":    wrap("whole", whole),
			"exits":    wrap("exits", exits),
			"refused":  wrap("refused", refused),
			"asuser":   wrap("asuser", asUser),
		},
	})
}

// wrap makes a function that can run on any goroutine a command.
func wrap(name string, do func(*testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("%s can't be negated", name)
		}
		if err := do(ts, args); err != nil {
			ts.Fatalf("%s: %v", name, err)
		}
	}
}

func exits(ts *testscript.TestScript, args []string) error {
	if len(args) < 2 {
		return errors.New("usage: exits STATUS PROGRAM ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	status := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		status = exit.ExitCode()
	case err != nil:
		return err
	}
	if strconv.Itoa(status) != args[0] {
		return fmt.Errorf("status is %d, want %s", status, args[0])
	}
	return nil
}

func refused(ts *testscript.TestScript, args []string) error {
	if len(args) < 3 {
		return errors.New("usage: refused STATUS REGEXP PROGRAM ARG...")
	}
	want, err := regexp.Compile(`\Atcplab: (?:` + args[1] + `)\n\z`)
	if err != nil {
		return err
	}
	if err := exits(ts, append(args[:1:1], args[2:]...)); err != nil {
		return err
	}
	if out := ts.ReadFile("stdout"); out != "" {
		return errors.New("stdout is not empty")
	}
	if text := ts.ReadFile("stderr"); !want.MatchString(text) {
		return fmt.Errorf("stderr is no line that matches %v", want)
	}
	return nil
}

func asUser(ts *testscript.TestScript, args []string) error {
	nodes := map[string]uint32{"open": openNode, "closed": closedNode}
	commands := map[string]func(*testscript.TestScript, []string) error{"exits": exits, "refused": refused}
	if len(args) < 3 || nodes[args[0]] == 0 || commands[args[1]] == nil {
		return errors.New("usage: asuser open|closed exits|refused ARG...")
	}
	return elsewhere(nobody, nodes[args[0]], func() error { return commands[args[1]](ts, args[2:]) })
}
