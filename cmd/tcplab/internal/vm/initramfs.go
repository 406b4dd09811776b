package vm

import (
	"io"
	"path"
	"slices"
	"strings"

	"github.com/cavaliergopher/cpio"
)

// An archive is an initramfs that is being written: the root file system that the
// kernel unpacks into memory (Documentation/driver-api/early-userspace). /dev/console
// is in the kernel's own, which is unpacked before.
type archive struct {
	w    *cpio.Writer
	dirs []string // that are in it
	err  error    // the first
}

func newArchive(w io.Writer) *archive { return &archive{w: cpio.NewWriter(w)} }

// file adds a file, and the folders that it is in.
func (a *archive) file(at string, mode cpio.FileMode, body []byte) {
	at = inArchive(at)
	a.dir(path.Dir(at))
	a.entry(&cpio.Header{Name: at, Mode: cpio.TypeReg | mode, Size: int64(len(body))}, body)
}

// dir adds a folder, and those that it is in.
func (a *archive) dir(at string) {
	at = inArchive(at)
	if at == "." || slices.Contains(a.dirs, at) {
		return
	}
	a.dir(path.Dir(at))
	a.dirs = append(a.dirs, at)
	a.entry(&cpio.Header{Name: at, Mode: cpio.TypeDir | 0o755}, nil)
}

// inArchive is a path as an archive has it, from the root on; "." is the root.
func inArchive(at string) string {
	return path.Clean(strings.TrimPrefix(path.Clean("/"+at), "/"))
}

func (a *archive) entry(h *cpio.Header, body []byte) {
	if a.err != nil {
		return
	}
	if a.err = a.w.WriteHeader(h); a.err == nil && len(body) > 0 {
		_, a.err = a.w.Write(body)
	}
}

// close ends the archive.
func (a *archive) close() error {
	if a.err == nil {
		a.err = a.w.Close()
	}
	return a.err
}
