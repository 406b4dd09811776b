package step

import (
	"strings"
	"unicode/utf8"
)

// A style is an ANSI weight or colour (ECMA-48 SGR). What it says is also said
// without it, by a mark.
type style string

const (
	plain   style = ""
	bold    style = "1"
	dim     style = "2"
	present style = "1;7"
	taken   style = "1;35" // to be read on black and on white
)

// paint gives a text a style, where there is colour.
type paint func(style, string) string

func painter(color bool) paint {
	return func(s style, text string) string {
		if !color || s == plain || text == "" {
			return text
		}
		return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
	}
}

// embolden makes a line of the ladder bold that has styles of its own.
func (p paint) embolden(line string) string {
	const reset = "\x1b[0m"
	return p(bold, strings.ReplaceAll(line, reset, reset+"\x1b["+string(bold)+"m"))
}

// cut leaves out what is beyond width of a text without styles, and says so.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(0, width-1)]) + "…"
}
