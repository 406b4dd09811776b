package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tcplab/tcplab/labs/free"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
)

// exitProgram is the exit status of tcplab run where a program failed: the client, or
// a server that never listened.
const exitProgram = 4

// runCommand runs the user's own programs.
func runCommand() *cobra.Command {
	var c running
	cmd := &cobra.Command{
		Use:   "run [--server COMMAND] [--rule RULE]... -- CLIENT [ARGUMENT]...",
		Short: "Run your own programs on a wire that obeys",
		Long: `Run your own programs, unchanged, on two private hosts. tcplab carries what they send
to each other, by rules that name segments, and shows what both kernels make of it.

The names server and client can be resolved. The client starts as soon as the server
listens. What the programs write goes to stderr, after the name of the host; what
follows -- is the client, and reads stdin.

Exit status: 0 the client succeeded, every rule has acted and every expectation holds;
1 a rule has never acted, or an expectation does not hold; 2 wrong usage; 3 this machine
can't run it, or the instrument broke, or was held up and is no evidence; 4 a program
failed: the client, or a server that did not come to listen; 130 interrupted.

The programs can reach each other over the network, and nothing else. They are no
sandbox: they have your files, and all that you may do with them. docs/run.md has
recipes.`,
		Example: `  tcplab run --server 'nginx -g "daemon off;"' --port 80 --rule 'drop server:SYN,ACK#1' -- curl -sS http://server/
  tcplab run --server 'python3 -m http.server 8080' --rule 'hold client:FIN,ACK for 3s' -- curl -sS http://server:8080/
  tcplab run --explain-rules`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args) },
	}
	c.view.flags(cmd)
	c.flags(cmd)
	return cmd
}

// running are the flags of tcplab run.
type running struct {
	view                   view
	server                 string
	port, fold             int
	wait, linger, timeout  time.Duration
	rules, expect, sysctls []string
	ipv6, fast, trace      bool
	hostSysctls, explain   bool
}

func (c *running) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.server, "server", "", helpText("the server's `COMMAND`, for the shell"))
	f.IntVar(&c.port, "port", 0, helpText("wait until the server listens on this port (default: on any)"))
	f.StringArrayVar(&c.rules, "rule", nil, helpText("what the wire does with a segment: `RULE`, as in 'drop server:SYN,ACK#1'; may be given several times"))
	f.StringArrayVar(&c.expect, "expect", nil, helpText("what is to come of it: `EXPECTATION`, as in 'client is CLOSE_WAIT at end'; may be given several times"))
	f.BoolVar(&c.explain, "explain-rules", false, "explain rules and expectations, with examples")
	f.DurationVar(&c.wait, "wait", free.DefaultWait, helpText("how long to wait for the server to listen; 0 does not wait"))
	f.DurationVar(&c.linger, "linger", free.DefaultLinger, helpText("how long the wire stays when the client has ended, unless all connections are closed before"))
	f.DurationVar(&c.timeout, "timeout", 0, helpText("end the run when the client has not ended after this time (default: never)"))
	f.IntVar(&c.fold, "fold", free.DefaultFold, helpText("tell so many segments in a row that are nothing but data, and only count the rest; 0 tells all"))
	f.BoolVar(&c.ipv6, "ipv6", false, "run on IPv6")
	f.BoolVar(&c.fast, "fast", false, helpText("for much data: the hosts send bursts, as to a network card with TSO, and rules count these as segments"))
	f.BoolVar(&c.trace, "trace", false, "refused: see options")
	_ = f.MarkHidden("trace") // it is there
	sysctlFlag(cmd, &c.sysctls)
	f.BoolVar(&c.hostSysctls, "host-sysctls", false,
		helpText("give the private hosts this machine's own values of TCP's sysctls, instead of the pinned ones"))
}

func (c *running) run(cmd *cobra.Command, args []string) error {
	if c.explain {
		return explainRules(cmd)
	}
	o, err := c.options(cmd, args)
	if err != nil {
		return err
	}
	if !machine.Privileged() {
		return inUserNamespace(cmd.Context())
	}
	v := &c.view
	if err := v.files.open(cmd.OutOrStdout(), nil); err != nil {
		return err
	}
	v.files.follow(&o.OnStart, &o.OnEvent)
	screen := &screen{stderr: cmd.ErrOrStderr()}
	o.Output = screen.write
	if movable(cmd.OutOrStdout()) && v.isLadder() {
		v.drawn = true
		screen.follow(&o.OnStart, &o.OnEvent, cmd.OutOrStdout(), v.reportOptions(cmd))
	}
	unfinished.Store(true)
	r, err := free.Run(cmd.Context(), o)
	if failed := screen.end(); failed != nil && err == nil {
		err = failed
	}
	if failed := v.files.endCapture(); r == nil || failed != nil {
		v.files.abandon()
		return refusedRun(cmp.Or(err, failed))
	}
	return show(cmd, r, *v)
}

// refusedRun makes what free refuses a wrong usage.
func refusedRun(err error) error {
	var wrong *free.UsageError
	if errors.As(err, &wrong) {
		return usageError{wrong}
	}
	return err
}

// programFailure is the exit status of a run in which a program failed.
func programFailure(r *record.Run) error {
	for _, e := range r.Events {
		if p, ok := e.Body.(*record.Program); ok && p.Does == record.Fails {
			return statusError(exitProgram)
		}
	}
	return nil
}

// moreOnRules follows the grammar in a refusal.
const moreOnRules = "\n  (tcplab run --explain-rules says what they do)"

// options checks all that can be checked before anything is opened.
func (c *running) options(cmd *cobra.Command, args []string) (free.Options, error) {
	o := free.Options{
		Server: c.server, Client: args, Port: c.port, Wait: c.wait, Linger: c.linger, Timeout: c.timeout,
		IPv6: c.ipv6, Fast: c.fast, HostSysctls: c.hostSysctls, Fold: c.fold, Version: versionText(), Stdin: os.Stdin,
	}
	refuse := func(format string, a ...any) (free.Options, error) {
		return o, usageError{fmt.Errorf(format, a...)}
	}
	if err := c.view.check(); err != nil {
		return o, err
	}
	if err := c.view.files.checkSide(free.Client, free.Server); err != nil {
		return o, err
	}
	switch dash := cmd.ArgsLenAtDash(); {
	case len(args) == 0:
		return refuse("run: want the client's command after --, as in: tcplab run --server 'python3 -m http.server' -- curl http://server:8000/")
	case dash != 0:
		return refuse("run: want -- before the client's command: %q", args[0])
	case c.trace:
		return refuse("--trace is not for run: the kernel does not say which of its events are your programs'")
	case c.port < 0 || c.port > 65535:
		return refuse("--port %d: want a whole number from 1 to 65535", c.port)
	case c.wait < 0, c.linger < 0, c.timeout < 0:
		return refuse("--wait, --linger and --timeout: want a time of 0 or more")
	case c.fold < 0:
		return refuse("--fold %d: want a whole number of 0 or more", c.fold)
	}
	if c.fold == 0 {
		o.Fold = -1
	}
	if c.wait == 0 {
		o.Wait = -1
	}
	if c.linger == 0 {
		o.Linger = -1
	}
	for _, text := range c.rules {
		r, err := free.ParseRule(text)
		if err != nil {
			return refuse("--rule: %w%s", err, moreOnRules)
		}
		o.Rules = append(o.Rules, r)
	}
	for _, text := range c.expect {
		e, err := free.ParseExpectation(text)
		if err != nil {
			return refuse("--expect: %w%s", err, moreOnRules)
		}
		o.Expect = append(o.Expect, e)
	}
	for _, text := range c.sysctls {
		s, err := lab.ParseSysctl(text)
		if err != nil {
			return o, err
		}
		o.Sysctls = append(o.Sysctls, free.Sysctl{Side: s.Side, Key: s.Key, Value: s.Value})
	}
	o.Given = given(cmd, args)
	return o, nil
}

// given are the flags that decide what happens, and the client's command, for the
// record.
func given(cmd *cobra.Command, args []string) []string {
	var words []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch list, ok := f.Value.(pflag.SliceValue); {
		case ok:
			for _, one := range list.GetSlice() {
				words = append(words, "--"+f.Name+"="+one)
			}
		case f.Name == "server", f.Name == "port", f.Name == "wait", f.Name == "linger", f.Name == "timeout", f.Name == "fold":
			words = append(words, "--"+f.Name+"="+f.Value.String())
		case f.Name == "host-sysctls", f.Name == "fast":
			words = append(words, "--"+f.Name)
		}
	})
	return append(append(words, "--"), args...)
}

// explainRules prints the grammar of rules and expectations.
func explainRules(cmd *cobra.Command) error {
	p := newPrinter(cmd.OutOrStdout(), cmd.OutOrStdout())
	form := func(flag, form, says, example string) {
		p.wrapped(2, "", form)
		p.wrapped(6, "", says)
		fmt.Fprintln(p.w, p.paint(dim, "      --"+flag+" '"+example+"'"))
	}
	p.wrapped(0, bold, "Rules")
	for _, g := range free.Grammar {
		form("rule", g.Form, g.Says, g.Example)
	}
	fmt.Fprintln(p.w)
	for _, text := range strings.Split(free.GrammarNote, ". ") {
		p.wrapped(2, "", strings.TrimSuffix(text, ".")+".")
	}
	fmt.Fprintln(p.w)
	p.wrapped(0, bold, "Expectations")
	for _, g := range free.Expectations {
		form("expect", g.Form, g.Says, g.Example)
	}
	return nil
}
