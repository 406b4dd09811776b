package vm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// wanted are the modules that a run needs where the kernel does not have them built in,
// by their place in the kernel's tree, in the order in which they are loaded.
var wanted = []string{"net/ipv4/inet_diag.ko", "net/ipv4/tcp_diag.ko", "drivers/net/tun.ko"}

// maxModule bounds what a module may be when it is decompressed.
const maxModule = 64 << 20

// A Module is a kernel module, decompressed.
type Module struct {
	Name string // its place in the kernel's tree: "drivers/net/tun.ko"
	Body []byte
}

// modulesIn reads those of the wanted modules that a folder has: one that holds the
// modules of a kernel (/lib/modules/V), the tree that a kernel was built in, or just them.
func modulesIn(dir fs.FS) ([]Module, error) {
	var found []Module
	for _, name := range wanted {
		for _, place := range []string{"kernel/" + name, name, "updates/" + name, path.Base(name)} {
			m, err := moduleAt(dir, place, name)
			if err != nil {
				return nil, err
			}
			if m != nil {
				found = append(found, *m)
				break
			}
		}
	}
	return found, nil
}

// moduleAt reads a module that may be compressed, or returns nil where there is none.
func moduleAt(dir fs.FS, place, name string) (*Module, error) {
	for _, suffix := range []string{"", ".xz", ".zst"} {
		body, err := fs.ReadFile(dir, place+suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			body, err = decompress(body)
		}
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", place+suffix, err)
		}
		return &Module{name, body}, nil
	}
	return nil, nil
}

// wantedName returns the place in the kernel's tree of a wanted module with this path,
// or "" where the path is another's.
func wantedName(at string) string {
	for _, suffix := range []string{".xz", ".zst"} {
		at = strings.TrimSuffix(at, suffix)
	}
	for _, name := range wanted {
		if strings.HasSuffix(at, "/"+name) {
			return name
		}
	}
	return ""
}

// decompress returns what is in a module's file, by what the file begins with.
func decompress(b []byte) ([]byte, error) {
	var r io.Reader
	var err error
	switch {
	case bytes.HasPrefix(b, []byte("\x7fELF")):
		return b, nil
	case bytes.HasPrefix(b, []byte("\xfd7zXZ\x00")):
		r, err = xz.NewReader(bytes.NewReader(b))
	case bytes.HasPrefix(b, []byte("\x28\xb5\x2f\xfd")):
		var z *zstd.Decoder
		if z, err = zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1)); err == nil {
			defer z.Close()
			r = z
		}
	default:
		return nil, errors.New("want an ELF file, as it is or in xz or zstd")
	}
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r, maxModule))
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(body, []byte("\x7fELF")) {
		return nil, errors.New("want an ELF file, as it is or in xz or zstd")
	}
	return body, nil
}

// base is a module's name without the rest: "tun".
func (m Module) base() string { return strings.TrimSuffix(path.Base(m.Name), ".ko") }
