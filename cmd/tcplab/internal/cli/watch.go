package cli

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// firstStory is what play --new writes.
//
//go:embed first.star
var firstStory string

// writeFirst writes a first story to a file that is not there yet.
func writeFirst(cmd *cobra.Command, name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return usageError{fmt.Errorf("--new %s: want the name of a new file: %w", name, cause(err))}
	}
	_, err = io.WriteString(f, firstStory)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("--new %s: %w", name, cause(err))
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s holds a first story. To tell it: tcplab play %s\n", name, name)
	return err
}

// A look at the files is taken so often. It costs a system call for each of them, and
// no library; an editor that replaces a file is no special case.
const lookAgain = 200 * time.Millisecond

// watch tells stories, and tells them again whenever one of their files has changed,
// until it is interrupted.
func (p *playing) watch(cmd *cobra.Command, args []string) error {
	ctx := cmd.Context()
	for {
		seen := versions(args)
		if movable(cmd.OutOrStdout()) {
			fmt.Fprint(cmd.OutOrStdout(), "\x1b[H\x1b[2J") // the window is the new telling's
		}
		err := p.once(cmd, args)
		cmd.SetContext(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		complain(cmd.ErrOrStderr(), err)
		fmt.Fprintln(cmd.ErrOrStderr(), "waiting for a change, until ^C")
		for versions(args) == seen {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(lookAgain):
			}
		}
	}
}

// versions is a text that is another one once a file, or what is in a folder, has
// changed.
func versions(args []string) string {
	files, err := storyFiles(args)
	var b strings.Builder
	fmt.Fprintln(&b, err)
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			fmt.Fprintln(&b, f, err)
			continue
		}
		fmt.Fprintln(&b, f, info.ModTime().UnixNano(), info.Size())
	}
	return b.String()
}

// complain says on stderr what is wrong, if anything is.
func complain(stderr io.Writer, err error) {
	text := message(err)
	if text == "" {
		return
	}
	if movable(stderr) && errors.Is(err, context.Canceled) {
		fmt.Fprint(stderr, clearLine) // of what was being waited for
	}
	for _, l := range linesOf(err, text) {
		if !strings.HasPrefix(l, "  ") { // which belongs to the line before
			l = "tcplab: " + l
		}
		fmt.Fprintln(stderr, oneLine(l))
	}
}
