package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/sockopt"
)

// The sockets that sockopt can show, by their names in its JSON.
const (
	freshSocket = "fresh"
	listener    = "listener"
	established = "established"
)

func sockoptCommand() *cobra.Command {
	var asJSON, listen, connected bool
	options := sockopt.All
	cmd := &cobra.Command{
		Use:   "sockopt [NAME]",
		Short: "Show every socket option of TCP, or explain one",
		Long: `sockopt lists every socket option that matters to TCP on Linux, with its value on a
TCP socket of this kernel: one that was just made, a listener with --listen, or
a connection of two private hosts with --established. With a NAME it explains
that option; the prefix (TCP_, SO_, IP_, IPV6_) and the case do not matter.

The sockets are made in a network namespace of their own, so that nothing is
opened on this host, and its sysctls do not change what is shown. Where an
ordinary user cannot have such a namespace, the fresh socket is a plain socket of
this host, with its sysctls: it is made, read and closed, and never sends.
--listen and --established need the namespace.`,
		Example: `  tcplab sockopt
  tcplab sockopt keepidle
  tcplab sockopt TCP_INFO --established
  tcplab sockopt --listen --json`,
		ValidArgsFunction: completeOption,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case listen && connected:
				return usageError{errors.New("sockopt: --listen and --established are two sockets: want one of them")}
			case len(args) > 1:
				return usageError{fmt.Errorf("sockopt: want one NAME, got %d", len(args))}
			case len(args) == 0:
				return nil
			}
			found := sockopt.Find(args[0])
			if len(found) == 0 {
				return unknownOption(args[0])
			}
			options = func() []sockopt.Entry { return found }
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			socket := freshSocket
			switch {
			case listen:
				socket = listener
			case connected:
				socket = established
			}
			if !machine.Privileged() {
				err := inUserNamespace(cmd.Context())
				if !errors.As(err, new(*machine.MissingError)) || socket != freshSocket {
					return err
				}
			}
			t, err := newSockoptTable(cmd.Context(), socket, options())
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			p := sockoptPrinter{newPrinter(out, cmd.OutOrStdout())}
			p.width = max(p.width, leastTable)
			switch {
			case asJSON:
				enc := json.NewEncoder(out)
				enc.SetEscapeHTML(false)
				err = enc.Encode(t)
			case len(args) > 0:
				p.pages(t)
			default:
				p.table(t)
			}
			return errors.Join(err, out.Flush())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one line of JSON")
	cmd.Flags().BoolVar(&listen, "listen", false, "show the values of a listening socket")
	cmd.Flags().BoolVar(&connected, "established", false, "show the values of a connection of two private hosts, at the client")
	return cmd
}

// newSockoptTable reads the options on a socket that it makes for that.
func newSockoptTable(ctx context.Context, socket string, options []sockopt.Entry) (*sockoptTable, error) {
	t := &sockoptTable{Schema: "tcplab.sockopt/1", Socket: socket, Namespace: "private"}
	for _, e := range options {
		t.Options = append(t.Options, newSockoptRow(e))
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, os.NewSyscallError("uname", err)
	}
	t.Kernel = unix.ByteSliceToString(u.Release[:])

	defer t.readSysctls(true) // of this machine: some are in no other namespace
	if socket == established {
		return t, t.readConnection(ctx)
	}
	var err error
	missing := machine.InNamespace(func() { err = t.readUnconnected() })
	if missing != nil && socket == freshSocket {
		t.Namespace, missing = "host", nil
		err = t.readUnconnected()
	}
	return t, errors.Join(missing, err)
}

// readUnconnected reads the options on sockets of the calling thread's network
// namespace: fresh ones, or listeners.
func (t *sockoptTable) readUnconnected() error {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
		if err != nil && family == unix.AF_INET {
			return os.NewSyscallError("socket", err)
		}
		if err == nil {
			defer unix.Close(fd)
			if t.Socket == listener {
				// Without bind the kernel takes any port that is free: listen(2).
				if err := unix.Listen(fd, 128); err != nil {
					return os.NewSyscallError("listen", err)
				}
			}
		}
		t.read(family, fd, os.NewSyscallError("socket", err))
	}
	t.readSysctls(t.Namespace == "host")
	return nil
}

// readConnection reads the options on the client's end of two connections, one
// on IPv4 and one on IPv6.
func (t *sockoptTable) readConnection(ctx context.Context) error {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
		if err != nil { // this kernel has no IPv6
			t.read(family, fd, os.NewSyscallError("socket", err))
			continue
		}
		_ = unix.Close(fd)
		err = machine.InConnection(ctx, family == unix.AF_INET6, func(fd int) error {
			t.read(family, fd, nil)
			t.readSysctls(false)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// optionNames are the options' names.
func optionNames() []string {
	var names []string
	for _, e := range sockopt.All() {
		names = append(names, e.Name)
	}
	return names
}

// completeOption gives the shell the options' names.
func completeOption(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return optionNames(), cobra.ShellCompDirectiveNoFileComp
}

// unknownOption says that there is no such option, and which one was meant.
func unknownOption(name string) error {
	return usageError{fmt.Errorf("sockopt: no socket option %q: %s", name, hint(name, optionNames(), "tcplab sockopt lists them"))}
}
