package vm

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// contents are what a Debian package has of a kernel: images by their paths, and
// modules by the kernel's release.
type contents struct {
	images  map[string][]byte
	modules map[string][]Module
}

// maxImage bounds what an image may be.
const maxImage = 256 << 20

// readDeb reads a Debian package (deb(5)) up to where it has an image and all wanted
// modules of it, or to its end.
func readDeb(name string) (contents, error) {
	c := contents{map[string][]byte{}, map[string][]Module{}}
	f, err := os.Open(name)
	if err != nil {
		return c, err
	}
	defer f.Close()
	data, err := dataOf(f)
	if err != nil {
		return c, fmt.Errorf("no Debian package that can be read: %w", err)
	}
	defer data.Close()
	files := tar.NewReader(data)
	for !c.whole() {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && h.Typeflag == tar.TypeReg {
			err = c.take(path.Clean("/"+h.Name), files)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// take keeps a file of the package if it is an image or a wanted module.
func (c contents) take(at string, r io.Reader) error {
	if isImageName(path.Base(at)) {
		b, err := io.ReadAll(io.LimitReader(r, maxImage))
		c.images[at] = b
		return err
	}
	_, after, ok := strings.Cut(at, "/lib/modules/")
	name := wantedName(at)
	if !ok || name == "" {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(r, maxModule))
	if err != nil {
		return err
	}
	if b, err = decompress(b); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	v, _, _ := strings.Cut(after, "/")
	c.modules[v] = append(c.modules[v], Module{name, b})
	return nil
}

// whole reports whether nothing more is to be looked for.
func (c contents) whole() bool {
	for _, b := range c.images {
		v, err := release(b)
		if err != nil || len(c.modules[v]) < len(wanted) {
			return false
		}
	}
	return len(c.images) > 0
}

// isImageName reports whether a file of this name is likely to be a kernel's image.
func isImageName(base string) bool {
	return base == "bzImage" || base == "vmlinuz" || strings.HasPrefix(base, "vmlinuz-")
}

// dataOf finds the archive of a package's files. A package is an ar archive (deb(5)):
// a line that says so, then members, each of an even length and behind a header of text.
func dataOf(r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != arMagic {
		return nil, errors.New("it is no ar archive")
	}
	for {
		head := make([]byte, arHeader)
		if _, err := io.ReadFull(in, head); err != nil {
			return nil, errors.New("it has no data.tar")
		}
		name := strings.TrimRight(strings.TrimSpace(string(head[:16])), "/")
		size, err := strconv.ParseUint(strings.TrimSpace(string(head[48:58])), 10, 62)
		if err != nil {
			return nil, errors.New("a member of it has no size")
		}
		member := io.LimitReader(in, int64(size))
		switch name {
		case "data.tar":
			return io.NopCloser(member), nil
		case "data.tar.xz":
			x, err := xz.NewReader(member)
			return io.NopCloser(x), err
		case "data.tar.zst":
			z, err := zstd.NewReader(member)
			if err != nil {
				return nil, err
			}
			return z.IOReadCloser(), nil
		}
		if _, err := io.CopyN(io.Discard, in, int64(size+size%2)); err != nil {
			return nil, errors.New("it has no data.tar")
		}
	}
}

const (
	arMagic  = "!<arch>\n"
	arHeader = 60 // bytes: the name is in the first 16, the size in decimal from 48 to 58
)
