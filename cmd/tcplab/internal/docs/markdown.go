package main

import "strings"

// special are the characters that Markdown acts on within a line, each with a
// backslash before it. The pipe is one in tables.
var special = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "<", `\<`, ">", `\>`, "[", `\[`, "]", `\]`,
	"|", `\|`, "~", `\~`, "#", `\#`, "&", `\&`, "!", `\!`,
)

// escape makes a text Markdown that shows as that text. It must be one line,
// which the text may begin.
func escape(text string) string {
	text = special.Replace(text)
	if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") || strings.HasPrefix(text, "=") {
		return `\` + text // no list, and no underlined heading
	}
	return text
}

// code makes a text, a line without backquotes, Markdown that shows as code.
func code(text string) string { return "`" + text + "`" }

// row makes cells, which are Markdown already, a row of a table.
func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// fenced makes lines a block of code.
func fenced(lines string) string { return "```text\n" + lines + "```\n" }
