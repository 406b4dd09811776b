package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/machine"
)

// isCompletion reports whether the shell asks what can be typed.
func isCompletion(args []string) bool {
	return len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd)
}

// forCompletion makes the flags' help what a shell can show: one line, without the
// back-quotes that name a value for the help text.
func forCompletion(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			_, usage := pflag.UnquoteUsage(f)
			f.Usage = strings.Join(strings.Fields(usage), " ")
		})
	}
}

// completeSysctl gives the shell the sysctls of TCP, and values for the one that is
// typed: this machine's, and the one that the private hosts have.
func completeSysctl(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	side, rest := "", word
	for _, s := range []string{"client:", "server:"} {
		if strings.HasPrefix(word, s) {
			side, rest = s, word[len(s):]
		}
	}
	if key, _, ok := strings.Cut(rest, "="); ok {
		return valuesOf(side, key), directive
	}
	var words []string
	if side == "" {
		words = []string{"client:\tthe client alone", "server:\tthe server alone"}
	}
	for _, key := range machine.SysctlKeys(lab.Sysctls(labs.All())) {
		words = append(words, side+key+"=")
	}
	return words, directive | cobra.ShellCompDirectiveNoSpace
}

func valuesOf(side, key string) []string {
	var words []string
	add := func(value, says string) {
		if value != "" {
			words = append(words, side+key+"="+value+"\t"+says)
		}
	}
	now, pinned := machine.SysctlOf(key)
	for _, value := range strings.Fields(machine.CongestionControls(key)) {
		add(value, "allowed on this machine")
	}
	if words == nil {
		add(now, "this machine's")
	}
	if pinned != now && !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, side+key+"="+pinned+"\t") }) {
		add(pinned, "the private hosts'")
	}
	if now == "0" || now == "1" {
		add(map[string]string{"0": "1", "1": "0"}[now], "the other")
	}
	return words
}

// labNames are the labs' names.
func labNames() []string {
	var names []string
	for _, l := range labs.All() {
		names = append(names, l.Name)
	}
	return names
}

// storyTyped is the story that the arguments name, for the shell.
func storyTyped(args []string) []*lab.Lab {
	if len(args) != 1 || args[0] == "-" {
		return nil
	}
	l, err := story(args[0], nil)
	if err != nil {
		return nil
	}
	return []*lab.Lab{l}
}
