package cli

import (
	"strings"
	"testing"
)

// A kernel puts words of its own before those that stand behind "--".
func TestWithoutKernels(t *testing.T) {
	for given, want := range map[string]string{
		"init all":                      "init all",
		"splash init all --ipv6":        "init all --ipv6",
		"nokaslr rhgb init":             "init",
		"init play init":                "init play init",
		"explain init":                  "explain init", // in a container
		"noaccept --sysctl init":        "noaccept --sysctl init",
		"--version":                     "--version",
		"splash":                        "splash",
		"init explain splash":           "init explain splash",
		"splash init show init --brief": "init show init --brief",
	} {
		args := strings.Fields(given)
		root, got := withoutKernels(commandFor(args), args)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s, want %s", given, strings.Join(got, " "), want)
		}
		if cmd, _, err := root.Find(got); strings.HasPrefix(want, "init") && (err != nil || cmd.Name() != "init") {
			t.Errorf("%s: not init: %v", given, err)
		}
	}
}
