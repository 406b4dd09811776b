package cli

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
)

// aKey is a sysctl as --sysctl takes it: what it does not know it refuses only when it
// has asked the kernel.
var aKey = regexp.MustCompile(`^(client:|server:)?net\.(core|ipv4|ipv6)\.[a-z0-9_.]+=`)

// What a lab says to try is what the command line takes. Whether it shows what
// it says, nobody but its author has looked.
func TestTryCanBeTyped(t *testing.T) {
	for _, l := range labs.All() {
		for _, try := range l.Try {
			if err := parse(try.Command); err != nil {
				t.Errorf("%s: Try %q: %v", l.Name, try.Command, err)
			}
			words := strings.Fields(try.Command)
			for i, word := range words {
				if i > 0 && words[i-1] == "--sysctl" && !aKey.MatchString(word) {
					t.Errorf("%s: Try %q: %s is no sysctl", l.Name, try.Command, word)
				}
			}
			if strings.ContainsAny(try.Command, "'\"\\$`*") {
				t.Errorf("%s: Try %q: a shell would not leave that as it is", l.Name, try.Command)
			}
			if try.Says == "" || strings.HasSuffix(try.Says, ".") {
				t.Errorf("%s: Try %q: want some words without a full stop", l.Name, try.Command)
			}
		}
	}
}

func TestParseRefusesWhatTheCommandLineRefuses(t *testing.T) {
	for _, command := range []string{
		"", "noacept", "noaccept --m 1", "noaccept --n", "noaccept --n 0", "noaccept --n many", "noaccept 5",
		"selfconnect --ports 2", "selfconnect --accident=maybe", "noaccept --sysctl net.ipv4.tcp_sack", "explain noacept",
	} {
		if parse(command) == nil {
			t.Errorf("%q is taken", command)
		}
	}
}

// parse takes a command as far as it can without running anything.
func parse(command string) error {
	root := Command()
	cmd, rest, err := root.Find(strings.Fields(command))
	if err == nil && cmd == root {
		err = unknown(root, command)
	}
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil {
		return err
	}
	args := lab.Args{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if k, ok := f.Value.(*knobValue); ok {
			args = k.args
		}
	})
	if l := labs.Find(cmd.Name()); l != nil {
		if err := l.Accepts(args); err != nil {
			return err
		}
		sysctls, err := cmd.Flags().GetStringArray("sysctl")
		if err != nil {
			return err
		}
		_, err = parseSysctls(sysctls)
		return err
	}
	return nil
}
