package cli

import (
	"errors"

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
