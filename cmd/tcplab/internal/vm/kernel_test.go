package vm

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

const aModule = "\x7fELF the module "

// compressed is a text in xz or zstd, or as it is, by a file's name.
func compressed(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch filepath.Ext(name) {
	case ".xz":
		w, err = xz.NewWriter(&b)
	case ".zst":
		w, err = zstd.NewWriter(&b)
	default:
		return []byte(text)
	}
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// write writes a file, and makes the folders that it is in.
func write(t *testing.T, name string, body []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, body, 0o644); err != nil {
		t.Fatal(err)
	}
}

// aDeb is a Debian package with these files, in order.
func aDeb(t *testing.T, member string, files ...[2]string) []byte {
	t.Helper()
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	for _, f := range files {
		body := compressed(t, f[0], f[1])
		if err := w.WriteHeader(&tar.Header{Name: "." + f[0], Typeflag: tar.TypeReg, Size: int64(len(body)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b := bytes.NewBufferString("!<arch>\n")
	for _, m := range [][2]string{{"debian-binary", "2.0\n"}, {"control.tar", "odd"}, {member, string(compressed(t, member, data.String()))}} {
		fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m[0], 0, 0, 0, "100644", len(m[1]), m[1])
		if len(m[1])%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// names are what was found, as text.
func names(kernels []Kernel) []string {
	var all []string
	for _, k := range kernels {
		text := k.Release
		for _, m := range k.Modules {
			text += " " + m.base()
			if string(m.Body) != aModule+m.Name {
				text += " (other)"
			}
		}
		all = append(all, text)
	}
	return all
}

func TestFind(t *testing.T) {
	const release = "6.1.0-56"
	modules := func(under, suffix string) [][2]string {
		var all [][2]string
		for _, m := range []string{"drivers/net/tun.ko", "net/ipv4/inet_diag.ko", "net/ipv4/tcp_diag.ko"} {
			all = append(all, [2]string{under + m + suffix, aModule + m})
		}
		return append(all, [2]string{under + "net/ipv4/udp_diag.ko" + suffix, "another"})
	}
	image := string(anImage(release))
	const all = release + " inet_diag tcp_diag tun"
	unpacked := func(image string, files [][2]string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, image), anImage(release))
			for _, f := range files {
				write(t, filepath.Join(dir, f[0]), compressed(t, f[0], f[1]))
			}
		}
	}
	debs := func(files map[string][][2]string, member string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			for name, f := range files {
				write(t, filepath.Join(dir, name), aDeb(t, member, f...))
			}
		}
	}
	old := [2]string{"/boot/vmlinuz-" + release, image}
	for _, c := range []struct {
		name    string
		make    func(*testing.T, string)
		kernel  string
		modules string
		want    []string
		err     string
	}{
		{"an image beside its modules", unpacked("boot/vmlinuz-"+release, modules("lib/modules/"+release+"/kernel/", "")), "boot/vmlinuz-" + release, "", []string{all}, ""},
		{"an unpacked package", unpacked("boot/vmlinuz-"+release, modules("lib/modules/"+release+"/kernel/", ".xz")), "", "", []string{all}, ""},
		{"an unpacked package of the new kind", unpacked("usr/lib/modules/"+release+"/vmlinuz", modules("usr/lib/modules/"+release+"/kernel/", ".zst")), "", "", []string{all}, ""},
		{"the folder of all modules", unpacked("modules/"+release+"/vmlinuz", modules("modules/"+release+"/kernel/", ".zst")), "modules", "", []string{all}, ""},
		{"the tree that it was built in", unpacked("arch/x86/boot/bzImage", modules("", "")), "", "", []string{all}, ""},
		{"an image and modules elsewhere", unpacked("bzImage", modules("m/kernel/", "")), "bzImage", "m", []string{all}, ""},
		{"an image and the folder of all modules", unpacked("bzImage", modules("m/"+release+"/kernel/", ".xz")), "bzImage", "m", []string{all}, ""},
		{"an image and just the files of the modules", unpacked("bzImage", [][2]string{
			{"m/tun.ko", aModule + "drivers/net/tun.ko"}, {"m/tcp_diag.ko.xz", aModule + "net/ipv4/tcp_diag.ko"}, {"m/inet_diag.ko.zst", aModule + "net/ipv4/inet_diag.ko"},
		}), "bzImage", "m", []string{all}, ""},
		{"an image and no modules", unpacked("bzImage", nil), "bzImage", "", []string{release}, ""},
		{"a package", debs(map[string][][2]string{"linux-image-x.deb": append([][2]string{old}, modules("/lib/modules/"+release+"/kernel/", "")...)}, "data.tar.xz"), "linux-image-x.deb", "", []string{all}, ""},
		{"a package in zstd", debs(map[string][][2]string{"x.deb": append([][2]string{old}, modules("/lib/modules/"+release+"/kernel/", ".xz")...)}, "data.tar.zst"), "x.deb", "", []string{all}, ""},
		{"two packages", debs(map[string][][2]string{
			"linux-binary-" + release + "_1_amd64.deb":  {{"/usr/lib/modules/" + release + "/vmlinuz", image}},
			"linux-modules-" + release + "_1_amd64.deb": modules("/usr/lib/modules/"+release+"/kernel/", ".xz"),
		}, "data.tar"), "", "", []string{all}, ""},
		{"a package and its modules elsewhere", debs(map[string][][2]string{
			"a.deb": {old}, "b.deb": modules("/usr/lib/modules/"+release+"/kernel/", ".xz"),
		}, "data.tar"), "a.deb", "b.deb", []string{all}, ""},
		{"a folder of images", func(t *testing.T, dir string) {
			for _, v := range []string{"6.12.0", "5.10.0", "6.1.0"} {
				write(t, filepath.Join(dir, "vmlinuz-"+v), anImage(v))
			}
			write(t, filepath.Join(dir, "vmlinuz-3.16.0"), anImage("3.16.0"))
			if err := os.Symlink("vmlinuz-6.12.0", filepath.Join(dir, "vmlinuz")); err != nil {
				t.Fatal(err)
			}
		}, "", "", []string{"5.10.0", "6.1.0", "6.12.0"}, ""},
		{"an empty folder", func(*testing.T, string) {}, "", "", nil, "DIR: no kernel in this folder: want vmlinuz-…, bzImage, or Debian packages of kernels"},
		{"nothing", func(*testing.T, string) {}, "gone", "", nil, "DIR/gone: no such file or directory"},
		{"no modules there", unpacked("bzImage", nil), "bzImage", "gone", nil, "DIR/gone: no such file or directory"},
		{"no kernel", unpacked("bzImage", [][2]string{{"README", "text"}}), "README", "", nil, "DIR/README: not a kernel's image: want a bzImage for x86-64, as /boot/vmlinuz-… is"},
		{"no package", unpacked("bzImage", [][2]string{{"x.deb", "text"}}), "x.deb", "", nil, "DIR/x.deb: no Debian package that can be read: it is no ar archive"},
		{"a package of something else", debs(map[string][][2]string{"x.deb": {{"/bin/x", "x"}}}, "data.tar"), "x.deb", "", nil, "DIR/x.deb: no kernel in this package: want linux-image-V or linux-binary-V"},
		{"a package of another archive", debs(map[string][][2]string{"x.deb": {{"/bin/x", "x"}}}, "data.tar.lzma"), "x.deb", "", nil, "DIR/x.deb: no Debian package that can be read: it has no data.tar"},
		{"a module that is none", unpacked("boot/vmlinuz-"+release, [][2]string{{"lib/modules/" + release + "/kernel/drivers/net/tun.ko.xz", "text"}}), "", "", nil, "DIR/boot/vmlinuz-6.1.0-56: module kernel/drivers/net/tun.ko.xz: want an ELF file, as it is or in xz or zstd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.make(t, dir)
			more := c.modules
			if more != "" {
				more = filepath.Join(dir, more)
			}
			found, err := Find(filepath.Join(dir, c.kernel), more)
			text := ""
			if err != nil {
				text = strings.ReplaceAll(err.Error(), dir, "DIR")
			}
			if text != c.err {
				t.Errorf("error %q, want %q", text, c.err)
			}
			if diff := cmp.Diff(c.want, names(found)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A module that no ELF file is is refused, however it is compressed.
func TestDecompress(t *testing.T) {
	for _, suffix := range []string{".ko", ".xz", ".zst"} {
		got, err := decompress(compressed(t, suffix, aModule))
		if err != nil || string(got) != aModule {
			t.Errorf("%s: %q, %v", suffix, got, err)
		}
		if _, err := decompress(compressed(t, suffix, "text")); err == nil {
			t.Errorf("%s: text is taken for a module", suffix)
		}
		if suffix == ".ko" {
			continue
		}
		whole := compressed(t, suffix, aModule)
		if _, err := decompress(whole[:len(whole)/2]); err == nil {
			t.Errorf("%s: half of a file is taken for a module", suffix)
		}
	}
}

func TestCompareReleases(t *testing.T) {
	want := []string{"5.10.0-30-amd64", "5.10.0-46-amd64", "6.1.0", "6.12.0", "7.3-rc7"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareReleases)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
