package vm

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cavaliergopher/cpio"
	"github.com/google/go-cmp/cmp"
)

// The files that arguments name go along, and the folders of those that they are to
// write.
func TestNewJob(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	elsewhere := t.TempDir()
	write(t, filepath.Join(dir, "story.star"), []byte("story"))
	write(t, filepath.Join(elsewhere, "other.star"), []byte("other"))
	j, err := NewJob([]string{"play", "story.star", "--html=" + elsewhere + "/page.html", "--pcap", "/dev/stdout", filepath.Join(elsewhere, "other.star"), "gone/file", "-"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{filepath.Join(dir, "story.star"): []byte("story"), filepath.Join(elsewhere, "other.star"): []byte("other")}
	if diff := cmp.Diff(want, j.Files); diff != "" {
		t.Errorf("files (-want +got)\n%s", diff)
	}
	slices.Sort(j.Folders)
	for _, f := range []string{dir, elsewhere} {
		if !slices.Contains(j.Folders, f) {
			t.Errorf("folders %q lack %s", j.Folders, f)
		}
	}
	for at, want := range map[string]bool{
		filepath.Join(elsewhere, "page.html"): true,
		filepath.Join(dir, "gone/file"):       true,
		filepath.Join(dir, "gone/file/x"):     true,
		filepath.Join(dir, "gone"):            false,
		"/dev/stdout":                         false,
		"/etc/passwd":                         false,
	} {
		if j.Names(at) != want {
			t.Errorf("%s is taken from the guest: %v", at, !want)
		}
	}
}

// What the guest finds is what was put in, in folders that are there before.
func TestArchive(t *testing.T) {
	j := Job{Commands: [][]string{{"all"}}, Dir: "/home/me", Folders: []string{"/home/me"}, Files: map[string][]byte{"/home/me/s.star": []byte("text")}}
	k := Kernel{Release: "6.1", Modules: []Module{{"drivers/net/tun.ko", []byte(aModule)}}}
	var b bytes.Buffer
	a := newArchive(&b)
	a.file(initPath, 0o755, []byte("binary"))
	if err := j.put(a, k); err != nil {
		t.Fatal(err)
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := cpio.NewReader(&b); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		kind := "file "
		if h.Mode.IsDir() {
			kind = "dir "
		}
		if h.Name == "tcplab.json" {
			body = nil
		}
		got = append(got, kind+h.Name+" "+os.FileMode(h.Mode.Perm()).String()+" "+string(body))
	}
	want := []string{
		"file init -rwxr-xr-x binary",
		"file tcplab.json -rw------- ",
		"dir lib -rwxr-xr-x ",
		"dir lib/modules -rwxr-xr-x ",
		"dir lib/modules/6.1 -rwxr-xr-x ",
		"dir lib/modules/6.1/kernel -rwxr-xr-x ",
		"dir lib/modules/6.1/kernel/drivers -rwxr-xr-x ",
		"dir lib/modules/6.1/kernel/drivers/net -rwxr-xr-x ",
		"file lib/modules/6.1/kernel/drivers/net/tun.ko -rw------- " + aModule,
		"dir home -rwxr-xr-x ",
		"dir home/me -rwxr-xr-x ",
		"file home/me/s.star -rw------- text",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWhy(t *testing.T) {
	for _, c := range []struct{ console, emulator, want string }{
		{"[    1.0] Kernel panic - not syncing: No working init found.\n[    1.1] CPU: 0\n", "", "the kernel has panicked: No working init found."},
		{"", "qemu-system-x86_64: -icount: no such option\n", "qemu-system-x86_64: -icount: no such option"},
		{"", "", "qemu-system-x86_64 has ended: killed"},
	} {
		var console, emulator tail
		_, _ = io.WriteString(&console, c.console)
		_, _ = io.WriteString(&emulator, c.emulator)
		if err := why(&console, &emulator, errors.New("killed")); err.Error() != c.want {
			t.Errorf("%q, want %q", err, c.want)
		}
	}
}

// A kernel's end is shown from its beginning, however much is said of it.
func TestTailOfPanic(t *testing.T) {
	var console tail
	_, _ = io.WriteString(&console, "booting\n[ 1.0] BUG: kernel NULL pointer dereference\n"+strings.Repeat("more\n", 100)+"[ 1.1] Kernel panic - not syncing: Fatal exception\n")
	lines := console.lines()
	if len(lines) != shown || !strings.Contains(lines[0], "BUG") {
		t.Errorf("%q", lines)
	}
	if err := why(&console, &tail{}, nil); err.Error() != "the kernel has panicked: Fatal exception" {
		t.Error(err)
	}
}

// Of a console that says much the end is kept.
func TestTail(t *testing.T) {
	var console tail
	for range 10_000 {
		_, _ = io.WriteString(&console, "a line that is not the last one\r\n")
	}
	_, _ = io.WriteString(&console, "the last")
	lines := console.lines() // the last ones
	if len(lines) != shown || lines[shown-1] != "the last" || len(console.text) > 2*kept {
		t.Errorf("%d lines of %d bytes", len(lines), len(console.text))
	}
}
