package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	catalogue "github.com/tcplab/tcplab/labs"
)

// On a terminal of 80 columns nothing that explains is wider: help, lists and labs. What
// is there to be copied stays in one line.
func TestEightyColumns(t *testing.T) {
	t.Parallel()
	all := []string{
		"--help", "list", "list --course", "all --help", "compare --help", "coverage --help", "doctor --help", "explain --help",
		"list --help", "play --help", "run --help", "show --help", "sockopt --help", "vm --help",
		"explain CLOSE_WAIT", "explain ECONNRESET", "explain ListenOverflows", "explain tcp_tw_reuse", "explain TCP_NODELAY",
		"explain time-wait-restarts",
	}
	for _, l := range catalogue.All() {
		all = append(all, "explain "+l.Name, l.Name+" --help")
	}
	for _, args := range all {
		cmd := exec.Command(binary, strings.Fields(args)...)
		cmd.Env = append(os.Environ(), "COLUMNS=80")
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("tcplab %s: %v", args, err)
		}
		for line := range strings.SplitSeq(string(out), "\n") {
			if utf8.RuneCountInString(line) > 80 && !strings.HasPrefix(line, "  tcplab ") {
				t.Errorf("tcplab %s: %q", args, line)
			}
		}
	}
}
