package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/vm"
)

// machines are what `tcplab vm` boots.
type machines struct {
	kernels []string
	modules string
	config  vm.Config
}

func vmCommand() *cobra.Command {
	m := machines{config: vm.Config{Shift: vm.Shift}}
	cmd := &cobra.Command{
		Use:   "vm --kernel FILE [flags] COMMAND...",
		Short: "Run tcplab in a virtual machine with another kernel",
		Long: `Run a command of tcplab in a small virtual machine with another kernel, of x86-64.
What it prints, the files that it writes, and its exit status are the command's own.

The kernel is an image (/boot/vmlinuz-V, a bzImage), a Debian package (linux-image-V,
linux-binary-V), or a folder of these: then the command runs with each of them. Its
modules inet_diag, tcp_diag and tun are looked for where packages have them.

The guest's clock counts instructions, and passes what nobody does anything in: a
minute of TIME_WAIT takes as long as it takes to say so, and a busy machine makes
nothing late. It needs qemu-system-x86_64, no privileges, and leaves nothing behind.`,
		Example: `  tcplab vm --kernel /boot/vmlinuz-6.12.0 all
  tcplab vm --kernel linux-image-6.1.0-56-cloud-amd64_6.1.192-2_amd64.deb lostsyn --forever
  tcplab vm --kernel /boot all --json > kernels.jsonl
  tcplab vm --kernel bzImage timewait --wait --html timewait.html`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := m.check(cmd, args); err != nil {
				return err
			}
			return m.run(cmd, args)
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false) // what follows the command is the command's
	f.StringArrayVar(&m.kernels, "kernel", nil, helpText("boot the kernel in `FILE`: an image, a Debian package, or a folder of these; may be given more than once"))
	f.StringVar(&m.modules, "modules", "", helpText("look for the kernel's modules in `DIR` first: a folder as /lib/modules/V, one of such folders, or a Debian package"))
	f.StringVar(&m.config.Qemu, "qemu", "", helpText("use this emulator, `PATH`, instead of qemu-system-x86_64"))
	f.BoolVar(&m.config.RealTime, "real-time", false, helpText("let the guest's clock follow this machine's, with KVM where that works"))
	f.DurationVar(&m.config.Limit, "limit", 0, helpText("end a guest that has not ended after this `TIME` of this machine's (default 30m)"))
	return cmd
}

// check refuses what is wrong before anything is opened.
func (m *machines) check(cmd *cobra.Command, args []string) error {
	switch {
	case len(m.kernels) == 0:
		return usageError{errors.New("vm: want --kernel FILE: an image, a Debian package, or a folder of these")}
	case len(args) == 0:
		return usageError{errors.New("vm: want a command of tcplab, as all or noaccept")}
	case m.config.Limit < 0:
		return usageError{fmt.Errorf("--limit %v: want a time, as 10m", m.config.Limit)}
	case args[0] == "vm":
		return usageError{errors.New("vm vm: there is no virtual machine in a virtual machine")}
	}
	return inner(args)
}

// inner refuses a command that would only be refused inside.
func inner(args []string) error {
	root := commandFor(args)
	cmd, rest, err := root.Find(args)
	if err != nil {
		return usageError{err}
	}
	if cmd == root && !strings.HasPrefix(args[0], "-") {
		return unknown(root, args[0])
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return cmd.FlagErrorFunc()(cmd, err)
	}
	if step := cmd.Flags().Lookup("step"); step != nil && step.Changed {
		return usageError{errors.New("--step needs a terminal, and a virtual machine has none: save the run with --json, and step through it with tcplab show")}
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// run boots the kernels, as many at once as there are processors, and shows what comes
// of them in order.
func (m *machines) run(cmd *cobra.Command, args []string) error {
	var kernels []vm.Kernel
	for _, name := range m.kernels {
		found, err := vm.Find(name, m.modules)
		if err != nil {
			return usageError{err}
		}
		kernels = append(kernels, found...)
	}
	job, err := vm.NewJob(args)
	if err != nil {
		return err
	}
	job.Env = guestEnv(cmd.OutOrStdout())
	if slices.Contains(args, "-") {
		if job.Stdin, err = io.ReadAll(cmd.InOrStdin()); err != nil {
			return err
		}
	}
	if len(kernels) == 1 {
		return m.boot(cmd.Context(), kernels[0], job, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return m.bootAll(cmd, kernels, job, slices.Contains(args, "--json"))
}

// guestEnv is what the commands in a guest know of this side.
func guestEnv(stdout io.Writer) []string {
	env := []string{fmt.Sprintf("COLUMNS=%d", columns(stdout))}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// boot runs the job with one kernel, and returns its exit status as an error.
func (m *machines) boot(ctx context.Context, k vm.Kernel, job vm.Job, stdout, stderr io.Writer) error {
	out := vm.Output{Stdout: stdout, Stderr: stderr, File: func(name string, body []byte) error {
		if !job.Names(name) {
			return nil // of nobody's concern
		}
		return writeFile(name, func(w io.Writer) error {
			_, err := w.Write(body)
			return err
		})
	}}
	statuses, err := vm.Run(ctx, m.config, k, job, out)
	var failed *vm.Error
	if errors.As(err, &failed) {
		for _, l := range failed.Console {
			fmt.Fprintln(stderr, "console: "+oneLine(l))
		}
	}
	if err != nil {
		return err
	}
	if status := statuses[len(statuses)-1]; status != exitOK {
		return statusError(status)
	}
	return nil
}

// bootAll runs the job with several kernels.
func (m *machines) bootAll(cmd *cobra.Command, kernels []vm.Kernel, job vm.Job, records bool) error {
	type outcome struct {
		stdout, stderr bytes.Buffer
		err            error
		done           chan struct{}
	}
	all := make([]*outcome, len(kernels))
	for i := range all {
		all[i] = &outcome{done: make(chan struct{})}
	}
	turns := make(chan struct{}, runtime.NumCPU())
	var running sync.WaitGroup
	defer running.Wait()
	for i, k := range kernels {
		running.Go(func() {
			defer close(all[i].done)
			turns <- struct{}{}
			defer func() { <-turns }()
			all[i].err = m.boot(cmd.Context(), k, job, &all[i].stdout, &all[i].stderr)
		})
	}
	var worst error
	for i, k := range kernels {
		o := all[i]
		<-o.done
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		if !records {
			fmt.Fprintf(cmd.OutOrStdout(), "Linux %s (%s)\n", k.Release, k.Name)
		}
		_, _ = cmd.ErrOrStderr().Write(o.stderr.Bytes())
		if _, err := cmd.OutOrStdout().Write(o.stdout.Bytes()); err != nil {
			return err
		}
		if text := message(o.err); text != "" {
			fmt.Fprintln(cmd.ErrOrStderr(), "tcplab: "+oneLine(text))
		}
		if !records && i < len(kernels)-1 {
			fmt.Fprintln(cmd.OutOrStdout())
		}
		if exitStatus(o.err) > exitStatus(worst) {
			worst = statusError(exitStatus(o.err))
		}
	}
	return worst
}
