// Package cli is tcplab's command line: what is typed, and what comes out of it.
// Flags, colours and exit statuses live here and nowhere else.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// The exit statuses, as README.md and the help text list them.
const (
	exitOK          = 0   // no surprise
	exitSurprise    = 1   // a verdict was not the catalogue's
	exitUsage       = 2   // a wrong argument
	exitUnable      = 3   // this machine can't run it, or the instrument broke
	exitInterrupted = 130 // by SIGINT, SIGTERM or SIGHUP
	// exitPipe is an ordinary user's where the reader of the output has gone:
	// as the shell has it for root's tcplab, which SIGPIPE ends.
	exitPipe = 128 + int(syscall.SIGPIPE)
)

// version is set by the Makefile: -ldflags "-X …/cli.version=v1.2.3".
var version = ""

// Main runs tcplab and returns its exit status.
func Main(args []string, stdout, stderr *os.File) int {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup(1) has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	root := command(func(l *lab.Lab) bool { return slices.Contains(args, l.Name) })
	root.SetArgs(args)
	out := &output{file: stdout}
	root.SetOut(out)
	root.SetErr(stderr)
	err := execute(ctx, root)
	if err == nil {
		err = out.err
	}
	if text := message(err); text != "" {
		if _, ok := terminal(stderr); ok && errors.Is(err, context.Canceled) {
			fmt.Fprint(stderr, clearLine) // of what was being waited for
		}
		fmt.Fprintln(stderr, "tcplab: "+oneLine(text))
	}
	return exitStatus(err)
}

// grace is what an interrupted command gets to end by itself.
const grace = 50 * time.Millisecond

// execute runs the command. When it is interrupted, what it holds is left to
// the end of the process.
func execute(ctx context.Context, root *cobra.Command) error {
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		err = root.ExecuteContext(ctx)
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
	}
	wait := grace
	if onTerminal.Load() {
		wait = stepGrace
	}
	select {
	case <-done:
	case <-time.After(wait):
	}
	return ctx.Err()
}

// outcomeError carries the outcome of a run that the catalogue did not expect.
type outcomeError record.Outcome

func (e outcomeError) Error() string { return string(e) }

// statusError carries the exit status of tcplab in a user namespace, which has
// said by itself what there is to say.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is a wrong argument that the command line itself has noticed.
type usageError struct{ error }

// exitStatus is the one place that decides it.
func exitStatus(err error) int {
	var status statusError
	var wrong *lab.UsageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, outcomeError(record.Surprise)):
		return exitSurprise
	case errors.As(err, &wrong), errors.As(err, new(usageError)):
		return exitUsage
	}
	return exitUnable
}

// message is what stderr gets: nothing where the output has said it already.
func message(err error) string {
	var status statusError
	var outcome outcomeError
	switch {
	case err == nil, errors.As(err, &status), errors.As(err, &outcome):
		return ""
	case errors.Is(err, context.Canceled):
		if machine.InsideUserns() {
			return "" // the tcplab outside says it
		}
		return "interrupted"
	}
	return err.Error()
}

// oneLine makes a message one line that a terminal does not act on, whatever
// names of files and of fields are in it.
func oneLine(text string) string {
	return report.Escape(strings.ReplaceAll(text, "\n", "; "), unicode.IsPrint)
}

// Command returns tcplab's command line.
func Command() *cobra.Command { return command(func(*lab.Lab) bool { return true }) }

// command makes the command line, with the flags of those labs that are meant.
// Nobody looks at the others', and all of them would cost every start of tcplab
// a millisecond.
func command(meant func(*lab.Lab) bool) *cobra.Command {
	cobra.EnableCommandSorting = false // teaching order
	root := &cobra.Command{
		Use:   "tcplab",
		Short: "A laboratory for TCP on Linux",
		Long: `tcplab shows what TCP does on the running Linux kernel. Each lab opens real sockets
on private hosts, reproduces one documented behaviour, shows every system call,
segment and socket state, and gives a verdict on each documented claim.

Exit status: 0 no surprise; 1 a surprise: a claim was refuted, or a myth
confirmed; 2 wrong usage; 3 this machine can't run it, or the instrument broke;
130 interrupted.`,
		Example: `  tcplab noaccept
  tcplab backlog --n 128 --somaxconn 64
  tcplab list`,
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown(cmd, args[0])
			}
			return cmd.Help()
		},
		SuggestionsMinimumDistance: 3,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var wrong *pflag.InvalidValueError
		if errors.As(err, &wrong) { // of a lab only switches: it checks its other knobs
			want := "true or false"
			if wrong.GetFlag().Value.Type() == "int" {
				want = "a whole number"
			}
			err = fmt.Errorf("--%s %s: want %s", wrong.GetFlag().Name, wrong.GetValue(), want)
		}
		return usageError{fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())}
	})
	const others = "others"
	for _, s := range labs.Sections {
		root.AddGroup(&cobra.Group{ID: s.Name, Title: s.Title + ":"})
		for _, l := range s.Labs {
			cmd := labCommand(l, meant(l))
			cmd.GroupID = s.Name
			root.AddCommand(cmd)
		}
	}
	root.AddGroup(&cobra.Group{ID: others, Title: "Other commands:"})
	for _, cmd := range []*cobra.Command{allCommand(), listCommand(), explainCommand(), showCommand(), doctorCommand(), sockoptCommand(), manCommand(), versionCommand()} {
		cmd.GroupID = others
		root.AddCommand(cmd)
	}
	root.SetHelpCommandGroupID(others)
	root.SetCompletionCommandGroupID(others)
	strict(root)
	return root
}

// strict makes cobra's own commands refuse arguments that they would let pass.
func strict(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Args = func(_ *cobra.Command, args []string) error {
		if _, rest, _ := root.Find(args); len(rest) > 0 {
			return unknown(root, rest[0])
		}
		return nil
	}
	completion, _, _ := root.Find([]string{"completion"})
	completion.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{fmt.Errorf("completion %s: want bash, fish, powershell or zsh", args[0])}
		}
		return nil
	}
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, shell := range completion.Commands() {
		shell.Args = noArgs
	}
}

// unknown says that there is no such command, and which one was meant.
func unknown(cmd *cobra.Command, name string) error {
	hint := "tcplab list shows the labs"
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usageError{fmt.Errorf("unknown lab or command %q: %s", name, hint)}
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no argument: %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

// versionText is tcplab's version, from the build.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
