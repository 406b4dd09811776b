package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/play"
)

// playing is how stories in files are told.
type playing struct {
	view view // of one story
	telling
	set  []string
	jobs int
	// timeout bounds what is told, with all that it waits for.
	timeout time.Duration
	first   string // the file for a first story
	again   bool   // tell it again when it changes
}

// playCommand tells stories that stand in files.
func playCommand() *cobra.Command {
	var p playing
	cmd := &cobra.Command{
		Use:   "play [FILE...]",
		Short: "Tell a story that is written in a file, or by hand",
		Long: `Tell a story that is written in a file, in Starlark, which looks like Python, with the
words of the labs. It gives all that a lab gives: ladder, states, verdicts. - reads the
story from stdin.

    listener = server.listen(80)
    c = client.connect(listener)
    wire.handshake(c)
    expect(c.state, ESTABLISHED)
    expect(listener.queue, 1)

Several files, or a folder with its files that end in .star, are told side by side, and
a table says how each ended. The exit status is then that of the worst, and --html
names a directory.

Without FILE a story is told by hand: each line that is typed acts at once, and draws
what it led to. help() there says what there is. Where stdin is no terminal its lines
are entered in the same way.

docs/stories.md is the guide.`,
		Example: `  tcplab play mine.star --set n=5
  tcplab play mine.star --sweep n=1,2,5
  tcplab play stories/ --ipv6 --junit report.xml
  tcplab play --new mine.star && tcplab play mine.star --watch`,
		RunE: p.run,
	}
	p.view.flags(cmd)
	p.telling.flags(cmd)
	p.patience = play.Patience
	sweepFlag(cmd, &p.sweeps, sweepOne, storyTyped)
	p.view.tap.addTo(cmd)
	p.view.files.junit.addTo(cmd, "junit", junitHelp)
	cmd.Flags().StringArrayVar(&p.set, "set", nil, helpText("give a knob of the story another value: `NAME=VALUE`"))
	cmd.Flags().DurationVar(&p.timeout, "timeout", time.Hour, helpText("end what has not ended after a `TIME`"))
	cmd.Flags().BoolVar(&p.again, "watch", false, "tell it again whenever a file has changed")
	cmd.Flags().StringVar(&p.first, "new", "", helpText("write a first story, with comments, to `FILE`, and tell nothing"))
	cmd.Flags().IntVar(&p.jobs, "jobs", 0, helpText(fmt.Sprintf("how many stories are told at once; 0 means all of them, up to %d", maxJobs)))
	return cmd
}

func (p *playing) run(cmd *cobra.Command, args []string) error {
	switch {
	case p.first != "":
		if len(args) > 0 {
			return usageError{errors.New("--new writes a story, and takes no other file")}
		}
		return writeFirst(cmd, p.first)
	case p.again:
		if len(args) == 0 || slices.Contains(args, "-") || p.view.step {
			return usageError{errors.New("--watch is for files, and goes without --step")}
		}
		if !machine.Privileged() {
			return inUserNamespace(cmd.Context())
		}
		return p.watch(cmd, args)
	case len(args) == 0:
		return byHand(cmd, &p.telling, &p.view)
	}
	return p.once(cmd, args)
}

// once tells the stories in files.
func (p *playing) once(cmd *cobra.Command, args []string) error {
	if !machine.Privileged() && args[0] == "-" && len(args) == 1 {
		return inUserNamespace(cmd.Context()) // which reads stdin
	}
	if p.timeout <= 0 {
		return usageError{fmt.Errorf("--timeout %v: want a time above 0, as 90s or 2h", p.timeout)}
	}
	files, err := storyFiles(args)
	if err != nil {
		return err
	}
	chosen, err := stories(files, os.Stdin)
	if err != nil {
		return err
	}
	knobs, err := settings(chosen, p.set)
	if err != nil {
		return err
	}
	if machine.Privileged() { // the tcplab in the user namespace, not the one outside
		ctx, cancel := context.WithTimeout(cmd.Context(), p.timeout)
		defer cancel()
		cmd.SetContext(ctx)
	}
	if len(args) == 1 && len(chosen) == 1 && files[0] == args[0] { // and no folder
		err = p.tell(cmd, chosen[0], knobs[chosen[0]], &p.view)
	} else {
		err = p.together(cmd, chosen, knobs)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("it had not ended after %v (--timeout)", p.timeout)
	}
	return err
}

// together tells several stories side by side.
func (p *playing) together(cmd *cobra.Command, chosen []*lab.Lab, knobs map[*lab.Lab]lab.Args) error {
	v := &p.view
	for flag, given := range map[string]bool{
		"--sweep": p.sweeps != nil, "--pcap": v.files.pcap.path != "", "--svg": v.files.svg.path != "", "--step": v.step, "--quiet": v.quiet, "--brief": v.brief,
	} {
		if given {
			return usageError{fmt.Errorf("%s is for one story, and there are %d", flag, len(chosen))}
		}
	}
	m := together{
		json: v.json, tap: v.tap, noTimes: v.noTimes, jobs: p.jobs, width: v.width, what: "STORY", args: knobs,
		pages: pages{dir: v.files.html.path, given: v.files.html.given},
		files: files{junit: v.files.junit},
	}
	if err := m.check(); err != nil {
		return err
	}
	o, err := p.options()
	if err != nil {
		return err
	}
	if !machine.Privileged() {
		return inUserNamespace(cmd.Context())
	}
	return m.run(cmd, chosen, o)
}
