package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cavaliergopher/cpio"
)

// A Job is what a guest is to do.
type Job struct {
	Commands [][]string // of tcplab, each with its arguments; they run one after another
	// Program, where it is not nil, is what the commands are of instead of tcplab: a
	// static program, as the tests of a package.
	Program []byte
	Dir     string   // the working directory, as outside
	Env     []string // what else the environment has: "COLUMNS=80"
	Stdin   []byte   // what each command reads
	// Files are outside's that the commands read, and Folders those that they write to:
	// whole paths, which are the same inside.
	Files   map[string][]byte
	Folders []string
}

// maxInput bounds a file that is taken along.
const maxInput = 64 << 20

// NewJob makes a job of one command: it takes along the files that the arguments name,
// and has the folders in which they name one that is to be written.
func NewJob(args []string) (Job, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Job{}, err
	}
	if systems(dir) { // which the guest has its own of
		dir = "/"
	}
	j := Job{Commands: [][]string{args}, Dir: dir, Folders: []string{dir}, Files: map[string][]byte{}}
	for _, at := range named(args, dir) {
		info, err := os.Stat(at)
		switch {
		case err == nil && info.Mode().IsRegular():
			if info.Size() > maxInput {
				return Job{}, fmt.Errorf("%s: want a file of at most %d MiB", at, maxInput>>20)
			}
			if j.Files[at], err = os.ReadFile(at); err != nil && !errors.Is(err, fs.ErrPermission) {
				return Job{}, err
			}
		case err == nil && info.IsDir():
			j.Folders = append(j.Folders, at)
			if err := j.stories(at); err != nil {
				return Job{}, err
			}
		case errors.Is(err, fs.ErrNotExist):
			if info, err := os.Stat(filepath.Dir(at)); err == nil && info.IsDir() {
				j.Folders = append(j.Folders, filepath.Dir(at))
			}
		}
	}
	return j, nil
}

// stories takes along the stories of a folder.
func (j *Job) stories(dir string) error {
	files, err := filepath.Glob(filepath.Join(escaped(dir), "*.star"))
	if err != nil {
		return err
	}
	for _, at := range files {
		if j.Files[at], err = os.ReadFile(at); err != nil {
			return err
		}
	}
	return nil
}

// Names reports whether the arguments of a job's commands name a path, or a folder that
// it is in: whole paths.
func (j Job) Names(at string) bool {
	for _, args := range j.Commands {
		for _, name := range named(args, j.Dir) {
			if at == name || strings.HasPrefix(at, name+"/") {
				return true
			}
		}
	}
	return false
}

// named are the whole paths that arguments may stand for: each argument that is no
// flag, and what stands behind a flag's "=".
func named(args []string, dir string) []string {
	var paths []string
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			_, value, ok := strings.Cut(a, "=")
			if !ok {
				continue
			}
			a = value
		}
		if a == "" || a == "-" {
			continue
		}
		if !filepath.IsAbs(a) {
			a = filepath.Join(dir, a)
		}
		if a = filepath.Clean(a); a != "/" && !systems(a) {
			paths = append(paths, a)
		}
	}
	return paths
}

// systems reports whether a path is in one of the kernel's own file systems.
func systems(at string) bool {
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		if at == dir || strings.HasPrefix(at, dir+"/") {
			return true
		}
	}
	return false
}

// The paths of what is in a guest besides a job's files.
const (
	initPath    = "/init"
	jobPath     = "/tcplab.json"
	otherPath   = "/program"
	modulesPath = "/lib/modules/"
)

// An order is what jobPath holds.
type order struct {
	Commands [][]string `json:"commands"`
	Dir      string     `json:"dir"`
	Env      []string   `json:"env"`
	Stdin    []byte     `json:"stdin,omitempty"`
	Other    bool       `json:"other,omitempty"` // the commands are of otherPath
}

// put puts a job, and the modules of the kernel that it is for, into an archive.
func (j Job) put(a *archive, k Kernel) error {
	text, err := json.Marshal(order{j.Commands, j.Dir, j.Env, j.Stdin, j.Program != nil})
	if err != nil {
		return err
	}
	a.file(jobPath, 0o600, text)
	if j.Program != nil {
		a.file(otherPath, 0o700, j.Program)
	}
	for _, m := range k.Modules {
		a.file(modulesPath+k.Release+"/kernel/"+m.Name, 0o600, m.Body)
	}
	for _, dir := range j.Folders {
		a.dir(dir)
	}
	for at, body := range j.Files {
		a.file(at, cpio.FileMode(0o600), body)
	}
	return nil
}
