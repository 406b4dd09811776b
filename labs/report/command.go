package report

import (
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// commandText is the command that was run, and kernelVersion on which kernel.
func commandText(r *record.Run) string { return "tcplab " + r.Lab + flags(r) }

func kernelVersion(r *record.Run) string {
	text := " on Linux " + r.Environment.Kernel
	if r.States == record.Live {
		text += " (states as seen just after)"
	}
	return text
}

// flags writes the flags that were given, as they are typed.
func flags(r *record.Run) string {
	var b strings.Builder
	words, program := r.Given, []string(nil) // that stands behind --
	if i := slices.Index(words, "--"); i >= 0 {
		words, program = words[:i], words[i:]
	}
	for _, word := range words {
		if name, value, ok := strings.Cut(word, "="); ok && strings.HasPrefix(name, "--") && shellWord(name) == name {
			word = name + "=" + shellWord(value)
		} else {
			word = shellWord(word)
		}
		b.WriteString(" " + word)
	}
	if r.Environment.IPv6 {
		b.WriteString(" --ipv6")
	}
	if r.Environment.Trace != nil {
		b.WriteString(" --trace")
	}
	for _, word := range program {
		b.WriteString(" " + shellWord(word))
	}
	return b.String()
}

// shellWord is a word as a shell takes it.
func shellWord(word string) string {
	bare := func(c rune) bool { return c > ' ' && c < 0x7f && !strings.ContainsRune("\"'`$\\&|;<>()*?[]{}!#~", c) }
	if word != "" && !strings.ContainsFunc(word, func(c rune) bool { return !bare(c) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
