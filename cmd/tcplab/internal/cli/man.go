package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/man"
)

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the man pages into a directory",
		Long: `man writes a man page for tcplab and for each of its commands into DIR, which it
makes if there is none. man(1) finds them in a directory man1 of its path, and reads
any page that is named by its file.`,
		Example: `  tcplab man /usr/local/share/man/man1
  tcplab man /tmp/man && man /tmp/man/tcplab-noaccept.1`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) != 1:
				return usageError{fmt.Errorf("man: want one DIR, got %d", len(args))}
			case args[0] == "":
				return usageError{errors.New("man: want one DIR, got an empty name")}
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := writeManPages(args[0])
			if err != nil {
				return usageError{fmt.Errorf("man: %w", err)}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d man pages are in %s\n", n, args[0])
			return err
		},
	}
}

// writeManPages returns how many pages it has written.
func writeManPages(dir string) (int, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	pages, err := fs.ReadDir(man.Pages, ".")
	if err != nil {
		return 0, err
	}
	for _, p := range pages {
		text, err := man.Pages.ReadFile(p.Name())
		if err != nil {
			return 0, err
		}
		err = writeFile(filepath.Join(dir, p.Name()), func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return len(pages), nil
}
