package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/prompt"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/report"
)

// handFlags are those of play that a story by hand has.
var handFlags = []string{"ipv6", "sysctl", "host-sysctls", "trace", "width", "no-times", "brief"}

// byHand tells a story whose lines are typed.
func byHand(cmd *cobra.Command, t *telling, v *view) error {
	var err error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(handFlags, f.Name) && err == nil {
			err = usageError{fmt.Errorf("--%s is for a story in a file: tcplab play FILE", f.Name)}
		}
	})
	if err != nil {
		return err
	}
	o, err := t.options()
	if err != nil {
		return err
	}
	_, typed := terminal(os.Stdin)
	_, seen := terminal(os.Stdout)
	if typed && seen {
		unfinished.Store(true) // the terminal is to be put back
	}
	if !machine.Privileged() {
		return inUserNamespace(cmd.Context())
	}
	var saved newFiles
	outcome, err := prompt.Run(cmd.Context(), os.Stdin, os.Stdout, os.Stderr, prompt.Config{
		Options: o,
		Report: func() report.Options {
			return report.Options{
				Width: v.width.of(os.Stdout), Times: !v.noTimes, Color: colored(os.Stdout),
				ASCII: !utf8Locale(os.Getenv), Brief: v.brief,
			}
		},
		Save:    saved.write,
		Command: "tcplab " + strings.Join(os.Args[1:], " "),
		Asking:  typed && seen,
		Editing: typed && seen && movable(os.Stdout),
	})
	switch {
	case err != nil:
		return err
	case !typed && outcome.Broken > 0: // somebody who types has seen it
		return statusError(exitUnable)
	case !typed && outcome.Mistakes > 0:
		return statusError(exitUsage)
	case outcome.Surprise:
		return statusError(exitSurprise)
	}
	return nil
}

// newFiles are files that this process has written, which it may write again.
type newFiles map[string]bool

// write writes a file that is not there yet.
func (n *newFiles) write(name, text string) error {
	path := whole(name)
	if _, err := os.Lstat(name); !(*n)[path] && !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = &os.PathError{Op: "write", Path: name, Err: fs.ErrExist}
		}
		return err
	}
	if err := writeFile(name, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}); err != nil {
		return err
	}
	if *n == nil {
		*n = newFiles{}
	}
	(*n)[path] = true
	return nil
}
