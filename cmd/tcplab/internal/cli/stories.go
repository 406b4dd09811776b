package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/play"
)

const (
	// storyEnding is how the names of the stories in a folder end.
	storyEnding = ".star"
	// maxStories bounds what is found in folders.
	maxStories = 1000
)

// storyFiles are the files that arguments name: files, and all stories in folders, with
// what is in folders of theirs, but for hidden ones. Each is named once.
func storyFiles(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		if arg == "-" && len(args) > 1 {
			return nil, usageError{errors.New("play -: stdin is one story, and takes no others beside it")}
		}
		if info, err := os.Stat(arg); arg == "-" || err != nil || !info.IsDir() {
			files = append(files, arg) // to open it says what is wrong
			continue
		}
		found, err := storiesIn(arg)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	var once []string
	for _, f := range files {
		if !slices.ContainsFunc(once, func(o string) bool { return filepath.Clean(o) == filepath.Clean(f) }) {
			once = append(once, f)
		}
	}
	return once, nil
}

func storiesIn(dir string) (found []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch hidden := strings.HasPrefix(d.Name(), ".") && path != dir; {
		case err != nil:
			return err
		case hidden && d.IsDir():
			return fs.SkipDir
		case !hidden && !d.IsDir() && strings.HasSuffix(d.Name(), storyEnding):
			found = append(found, path)
		}
		if len(found) > maxStories {
			return fmt.Errorf("it holds more than %d stories", maxStories)
		}
		return nil
	})
	if err == nil && len(found) == 0 {
		err = errors.New("no file in it ends in " + storyEnding)
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("play %s: %w", dir, err)}
	}
	return found, nil
}

// stories makes labs of the files. Its error tells of every mistake in every file, a
// line each.
func stories(files []string, stdin *os.File) ([]*lab.Lab, error) {
	var chosen []*lab.Lab
	var wrong []error
	for _, f := range files {
		l, err := story(f, stdin)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		chosen = append(chosen, l)
	}
	if wrong != nil {
		return nil, usageError{mistakes(wrong)}
	}
	return chosen, nil
}

// mistakes are what is wrong with what was written, each with its place.
type mistakes []error

func (m mistakes) Error() string { return errors.Join(m...).Error() }

// story makes a lab of a file.
func story(name string, stdin *os.File) (*lab.Lab, error) {
	in := stdin
	if name == "-" {
		name = "stdin"
	} else {
		var err error
		if in, err = os.Open(name); err != nil {
			return nil, err
		}
		defer in.Close()
	}
	text, err := io.ReadAll(io.LimitReader(in, play.MaxText+1))
	if err != nil {
		return nil, err
	}
	return play.Compile(name, text)
}

// settings are the values that --set gives the stories' knobs. A knob may be that of
// several stories.
func settings(chosen []*lab.Lab, set []string) (map[*lab.Lab]lab.Args, error) {
	args := map[*lab.Lab]lab.Args{}
	for _, one := range set {
		name, value, ok := strings.Cut(one, "=")
		var known []string
		taken := false
		for _, l := range chosen {
			for _, k := range l.Knobs {
				if !ok || k.Name != name {
					known = append(known, k.Name)
					continue
				}
				if args[l] == nil {
					args[l] = lab.Args{}
				}
				err := (&knobValue{knob: k, args: args[l]}).Set(value)
				if err == nil && k.Sysctl == "" {
					err = k.Takes(args[l][name])
				}
				if err != nil {
					return nil, usageError{fmt.Errorf("--set %s: %w", one, err)}
				}
				taken = true
			}
		}
		switch {
		case taken:
		case known == nil:
			return nil, usageError{fmt.Errorf("--set %s: the story has no knobs", one)}
		default:
			slices.Sort(known)
			return nil, usageError{fmt.Errorf("--set %s: want NAME=VALUE, with one of %s", one, strings.Join(slices.Compact(known), ", "))}
		}
	}
	return args, nil
}
