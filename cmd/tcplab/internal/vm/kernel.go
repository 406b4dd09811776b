package vm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Kernel is a kernel that can be booted, with the modules that a run needs.
type Kernel struct {
	Name    string // where it was found
	Release string // what uname -r says there
	Image   []byte
	Modules []Module // in the order in which they are loaded; none where none were found
}

// Find returns the kernels that a path leads to: that of an image (/boot/vmlinuz-V), of
// a Debian package, or all in a folder: of images, of packages, an unpacked package, the
// tree that a kernel was built in. modules is a folder, or a package, where their modules
// are looked for first; empty for none. The error says what is wrong with the path.
func Find(name, modules string) ([]Kernel, error) {
	more, err := moreModules(modules)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, cause(name, err)
	}
	f := finder{more: more}
	if !info.IsDir() {
		if err := f.file(name); err != nil {
			return nil, err
		}
		return f.found, nil
	}
	if err := f.folder(name); err != nil {
		return nil, err
	}
	if len(f.found) == 0 {
		return nil, fmt.Errorf("%s: no kernel in this folder: want vmlinuz-…, bzImage, or Debian packages of kernels", name)
	}
	return f.found, nil
}

// cause is an error about a path, which it names once.
func cause(name string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// places are where a folder may have images, besides packages.
var places = []string{"vmlinuz*", "bzImage*", "boot/vmlinuz-*", "*/vmlinuz", "lib/modules/*/vmlinuz", "usr/lib/modules/*/vmlinuz", "arch/x86/boot/bzImage"}

type finder struct {
	more  func(release string) ([]Module, error) // where modules are looked for first; nil for nowhere
	found []Kernel
	seen  []string // paths, with symbolic links followed
}

// folder adds what a folder has. What is no kernel there, as an image that is too old,
// is passed over if there is another.
func (f *finder) folder(dir string) error {
	var names []string
	for _, p := range places {
		more, err := filepath.Glob(filepath.Join(escaped(dir), p))
		if err != nil {
			return err
		}
		names = append(names, more...)
	}
	var first error
	for _, name := range names {
		if err := f.file(name); err != nil && first == nil {
			first = err
		}
	}
	packages, err := filepath.Glob(filepath.Join(escaped(dir), "*.deb"))
	if err != nil {
		return err
	}
	for _, name := range packages {
		if base := filepath.Base(name); strings.HasPrefix(base, "linux-image-") || strings.HasPrefix(base, "linux-binary-") {
			if err := f.file(name); err != nil && first == nil {
				first = err
			}
		}
	}
	if len(f.found) == 0 {
		return first
	}
	slices.SortStableFunc(f.found, func(a, b Kernel) int { return compareReleases(a.Release, b.Release) })
	return nil
}

// escaped is a path that stands for itself in a pattern.
func escaped(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// file adds the kernel of an image, or those of a package.
func (f *finder) file(name string) error {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return cause(name, err)
	}
	if slices.Contains(f.seen, real) {
		return nil
	}
	f.seen = append(f.seen, real)
	if strings.HasSuffix(name, ".deb") {
		return f.deb(name)
	}
	head, err := firstBytes(name)
	if err != nil {
		return cause(name, err)
	}
	v, err := release(head)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	image, err := os.ReadFile(name)
	if err != nil {
		return cause(name, err)
	}
	return f.add(Kernel{Name: name, Release: v, Image: image}, beside(real, v))
}

// add adds a kernel with its modules, from the first of the places that has some.
func (f *finder) add(k Kernel, from ...func(string) ([]Module, error)) error {
	if f.more != nil {
		from = append([]func(string) ([]Module, error){f.more}, from...)
	}
	for _, look := range from {
		m, err := look(k.Release)
		if err != nil {
			return fmt.Errorf("%s: %w", k.Name, err)
		}
		if len(m) > 0 {
			k.Modules = inOrder(m)
			break
		}
	}
	f.found = append(f.found, k)
	return nil
}

// deb adds the kernels of a package. Debian's own since 6.19 has the modules in another
// package, which is looked for in the same folder.
func (f *finder) deb(name string) error {
	c, err := readDeb(name)
	if err != nil {
		return cause(name, err)
	}
	if len(c.images) == 0 {
		return fmt.Errorf("%s: no kernel in this package: want linux-image-V or linux-binary-V", name)
	}
	for at, image := range c.images {
		v, err := release(image)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", name, at, err)
		}
		own := func(v string) ([]Module, error) { return c.modules[v], nil }
		other := func(v string) ([]Module, error) { return packageBeside(filepath.Dir(name), v) }
		if err := f.add(Kernel{Name: name, Release: v, Image: image}, own, other); err != nil {
			return err
		}
	}
	return nil
}

// packageBeside reads modules from the package linux-modules-V in a folder.
func packageBeside(dir, release string) ([]Module, error) {
	names, err := filepath.Glob(filepath.Join(escaped(dir), "linux-modules-"+escaped(release)+"_*.deb"))
	if err != nil || len(names) == 0 {
		return nil, err
	}
	c, err := readDeb(names[0])
	return c.modules[release], err
}

// beside looks for the modules of an image: where its package has put them, in the tree
// that it was built in, and where this machine has its own.
func beside(image, release string) func(string) ([]Module, error) {
	dir := filepath.Dir(image)
	folders := []string{dir}
	for _, root := range []string{filepath.Join(dir, ".."), dir, "/"} {
		folders = append(folders, filepath.Join(root, "lib/modules", release), filepath.Join(root, "usr/lib/modules", release))
	}
	folders = append(folders, filepath.Join(dir, "../../.."))
	return func(string) ([]Module, error) { return firstOf(folders) }
}

// firstOf reads modules from the first folder that has some.
func firstOf(folders []string) ([]Module, error) {
	for _, dir := range folders {
		m, err := modulesIn(os.DirFS(dir))
		if err != nil || len(m) > 0 {
			return m, err
		}
	}
	return nil, nil
}

// moreModules looks where the user says that modules are: a package, or a folder that
// has them, itself or for several kernels.
func moreModules(at string) (func(string) ([]Module, error), error) {
	if at == "" {
		return nil, nil
	}
	info, err := os.Stat(at)
	if err != nil {
		return nil, cause(at, err)
	}
	if !info.IsDir() {
		c, err := readDeb(at)
		if err != nil {
			return nil, cause(at, err)
		}
		if len(c.modules) == 0 {
			return nil, fmt.Errorf("%s: no modules in this package", at)
		}
		return func(v string) ([]Module, error) { return c.modules[v], nil }, nil
	}
	return func(v string) ([]Module, error) {
		return firstOf([]string{filepath.Join(at, v), filepath.Join(at, "lib/modules", v), filepath.Join(at, "usr/lib/modules", v), at})
	}, nil
}

// inOrder sorts modules as they are loaded.
func inOrder(m []Module) []Module {
	slices.SortFunc(m, func(a, b Module) int { return slices.Index(wanted, a.Name) - slices.Index(wanted, b.Name) })
	return m
}

// compareReleases orders kernels by their numbers: 5.10 before 6.1.
func compareReleases(a, b string) int {
	number := func(s string) []int {
		var all []int
		for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
			n := 0
			for _, d := range part {
				n = n*10 + int(d-'0')
			}
			all = append(all, n)
		}
		return all
	}
	return slices.Compare(number(a), number(b))
}

// firstBytes reads as much of a file as tells what it is.
func firstBytes(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, headerEnd))
}
