package cli

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
)

// A lab that is meant has all its flags, whatever others are left without.
func TestFlagsOfTheLabThatIsMeant(t *testing.T) {
	whole := flagsOf(Command())
	for _, l := range labs.All() {
		got := flagsOf(command(func(other *lab.Lab) bool { return other == l }))
		if len(whole[l.Name]) == 0 {
			t.Errorf("%s has no flags", l.Name)
		}
		for name, flags := range got {
			want := whole[name]
			if name != l.Name && labs.Find(name) != nil {
				want = nil
			}
			if diff := cmp.Diff(want, flags); diff != "" {
				t.Errorf("for %s, %s has the flags (-want +got):\n%s", l.Name, name, diff)
			}
		}
	}
}

// A lab that is the first argument is the same command as among all others.
func TestCommandForALabAlone(t *testing.T) {
	help := func(root *cobra.Command, args ...string) string {
		var out bytes.Buffer
		root.SetArgs(args)
		root.SetOut(&out)
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	for _, l := range labs.All() {
		alone := commandFor([]string{l.Name})
		if n := len(alone.Commands()); n != 1 {
			t.Errorf("%s is one of %d commands", l.Name, n)
		}
		if diff := cmp.Diff(help(Command(), l.Name, "--help"), help(alone, l.Name, "--help")); diff != "" {
			t.Errorf("tcplab %s --help (-among all +alone):\n%s", l.Name, diff)
		}
	}
}

func flagsOf(root *cobra.Command) map[string][]string {
	all := map[string][]string{}
	for _, c := range root.Commands() {
		all[c.Name()] = nil
		c.Flags().VisitAll(func(f *pflag.Flag) { all[c.Name()] = append(all[c.Name()], f.Name) })
	}
	return all
}
