package cli

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/vm"
)

// initCommand is tcplab as the first process of a machine.
func initCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "init COMMAND...",
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if !vm.InGuest() {
				return usageError{errors.New("init: only the first process of a machine can be this")}
			}
			return vm.Init(args)
		},
		DisableFlagParsing: true,
	}
}

// withoutKernels leaves out what stands before init: a kernel gives its first process the
// words of its command line that it does not know, as "splash", before what stands behind
// "--" there (Documentation/admin-guide/kernel-parameters.rst).
func withoutKernels(root *cobra.Command, args []string) (*cobra.Command, []string) {
	if cmd, _, err := root.Find(args); err == nil && cmd != root {
		return root, args // as in a container, where tcplab is the first process too
	}
	if i := slices.Index(args, "init"); i > 0 {
		args = args[i:]
		return commandFor(args), args
	}
	return root, args
}
