package lab

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// where says where in its Go text the story on this goroutine is, "noaccept.go:87": at its
// innermost call that is neither of this package nor of what it stands on. It returns ""
// where the story has not begun.
func where() string {
	calls := make([]uintptr, 64)
	frames := runtime.CallersFrames(calls[:runtime.Callers(2, calls)])
	for {
		f, more := frames.Next()
		switch {
		case strings.HasSuffix(f.Function, "lab.(*run).tell"):
			return ""
		case ofStory(f.Function):
			return fmt.Sprintf("%s:%d", path.Base(f.File), f.Line)
		case !more:
			return ""
		}
	}
}

// ofStory reports whether a function, by its full name, is of a story: the standard
// library's names have no dot in their first part.
func ofStory(function string) bool {
	domain, _, ok := strings.Cut(function, "/")
	if !ok || !strings.Contains(domain, ".") {
		return false
	}
	const labs = "github.com/tcplab/tcplab/labs/"
	return !strings.HasPrefix(function, labs+"lab.") && !strings.HasPrefix(function, labs+"internal/")
}
