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
	"sync/atomic"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/vm"
	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/free"
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
	root := commandFor(args)
	if vm.InGuest() {
		root, args = withoutKernels(root, args)
	}
	root.SetArgs(args)
	if isCompletion(args) {
		forCompletion(root)
	}
	if closed(stdout) && !machine.InsideUserns() {
		fmt.Fprintln(stderr, "tcplab: stdout is closed (or /dev/null, for reading and writing): the result is not shown")
	}
	out := &output{file: stdout}
	root.SetOut(out)
	root.SetErr(stderr)
	err := execute(root)
	if err == nil {
		err = out.err
	}
	complain(stderr, err)
	return exitStatus(err)
}

// grace is what an interrupted command gets to end by itself, and longGrace what it
// gets where it is unfinished.
const (
	grace     = 50 * time.Millisecond
	longGrace = 2 * time.Second
)

// unfinished is set where an interrupted command has something left to do: to put
// the terminal back, or to show what a run has seen. The tcplab outside of a user
// namespace waits for the one inside.
var unfinished atomic.Bool

// execute runs the command. When it is interrupted, what it holds is left to
// the end of the process.
func execute(root *cobra.Command) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		err = root.ExecuteContext(ctx)
	}()
	// The runtime takes a quarter of a millisecond for this, in which the command
	// goes on. Until then a signal ends the process at once.
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup(1) has it
		ends = append(ends, syscall.SIGHUP)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, ends...)
	select {
	case <-done:
		return err
	case <-interrupted:
	}
	if !machine.InsideUserns() { // where a terminal's ^C comes twice: by itself, and from the tcplab outside
		signal.Stop(interrupted) // a second signal ends the process at once
	}
	cancel()
	wait := grace
	if unfinished.Load() {
		wait = longGrace
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

func (e usageError) Unwrap() error { return e.error }

// exitStatus is the one place that decides it.
func exitStatus(err error) int {
	var status statusError
	var wrong *lab.UsageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, context.Canceled), errors.Is(err, outcomeError(record.Interrupted)):
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

// maxLines bounds what is said of mistakes.
const maxLines = 20

// linesOf are the lines of a message: one, but for mistakes in what was written, which
// have one each, and for what says how rules are written.
func linesOf(err error, text string) []string {
	if !errors.As(err, new(mistakes)) && !errors.As(err, new(*free.GrammarError)) {
		return []string{text}
	}
	lines := strings.Split(text, "\n")
	if n := len(lines) - maxLines; n > 0 {
		lines = append(lines[:maxLines], fmt.Sprintf("and %d more", n))
	}
	return lines
}

// oneLine makes a message one line that a terminal does not act on, whatever
// names of files and of fields are in it.
func oneLine(text string) string {
	return report.Escape(strings.ReplaceAll(text, "\n", "; "), unicode.IsPrint)
}

// Command returns tcplab's command line.
func Command() *cobra.Command { return command(func(*lab.Lab) bool { return true }) }

// commandFor makes as much of the command line as these arguments can lead to.
// Where the first one is a lab, or play, that is this alone: all commands would cost every
// start of tcplab a twentieth of a run, and all labs' flags as much again.
func commandFor(args []string) *cobra.Command {
	var alone *cobra.Command
	if len(args) > 0 {
		if l := labs.Find(args[0]); l != nil {
			alone = labCommand(l, true)
		} else if args[0] == "play" {
			alone = playCommand()
		}
	}
	if alone != nil {
		root := rootCommand()
		root.CompletionOptions.DisableDefaultCmd = true
		root.AddCommand(alone)
		return root
	}
	return command(func(l *lab.Lab) bool { return slices.Contains(args, l.Name) })
}

// command makes the command line, with the flags of those labs that are meant.
func command(meant func(*lab.Lab) bool) *cobra.Command {
	root := rootCommand()
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
	for _, cmd := range []*cobra.Command{allCommand(), listCommand(), explainCommand(), showCommand(), compareCommand(), playCommand(), runCommand(), vmCommand(), initCommand(), coverageCommand(), doctorCommand(), sockoptCommand(), manCommand(), versionCommand()} {
		cmd.GroupID = others
		root.AddCommand(cmd)
	}
	root.SetHelpCommandGroupID(others)
	root.SetCompletionCommandGroupID(others)
	strict(root)
	return root
}

// rootCommand makes tcplab itself, without the commands.
func rootCommand() *cobra.Command {
	cobra.EnableCommandSorting = false // teaching order
	version := false
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
			if version {
				return printVersion(cmd)
			}
			return cmd.Help()
		},
	}
	fitHelp(root)
	root.Flags().BoolVar(&version, "version", false, "print tcplab's version")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var wrong *pflag.InvalidValueError
		if errors.As(err, &wrong) { // of a lab's own only switches: it checks its other knobs
			want := "true or false"
			switch wrong.GetFlag().Value.(type) {
			case *widthValue:
				want = fmt.Sprintf("a whole number from %d to %d", report.MinWidth, report.MaxWidth)
			default:
				switch wrong.GetFlag().Value.Type() {
				case "int":
					want = "a whole number"
				case "duration":
					want = "a time, as 90s or 2h"
				}
			}
			err = fmt.Errorf("--%s %s: want %s", wrong.GetFlag().Name, wrong.GetValue(), want)
		}
		return usageError{fmt.Errorf("%w (see %s --help)", unknownFlag(cmd, err), cmd.CommandPath())}
	})
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
	var names []string
	for _, c := range cmd.Root().Commands() {
		names = append(names, c.Name())
	}
	return usageError{fmt.Errorf("unknown lab or command %q: %s", name, hint(name, names, "tcplab list shows the labs"))}
}

// unknownFlag adds to pflag's error which flag was meant, if it is that there is none
// of such a name.
func unknownFlag(cmd *cobra.Command, err error) error {
	var none *pflag.NotExistError
	if !errors.As(err, &none) || len(none.GetSpecifiedName()) < 2 {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	if text := hint("--"+none.GetSpecifiedName(), names, ""); text != "" {
		return fmt.Errorf("%w: %s", err, text)
	}
	return err
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
