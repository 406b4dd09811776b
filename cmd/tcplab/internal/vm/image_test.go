package vm

import (
	"encoding/binary"
	"testing"
)

// anImage is the head of a kernel's image.
func anImage(release string) []byte {
	b := make([]byte, 0x1000)
	copy(b[headerMagic:], "HdrS")
	binary.LittleEndian.PutUint16(b[headerVersion:], 0x20f)
	binary.LittleEndian.PutUint16(b[headerFlags:], kernel64)
	binary.LittleEndian.PutUint16(b[versionText:], 0x800-0x200)
	copy(b[0x800:], release+" (someone@somewhere) #1 SMP\x00")
	return b
}

func TestRelease(t *testing.T) {
	bits32, old := anImage("6.1.0"), anImage("3.2.0")
	binary.LittleEndian.PutUint16(bits32[headerFlags:], 0)
	binary.LittleEndian.PutUint16(old[headerVersion:], 0x20a)
	nowhere := anImage("6.1.0")
	binary.LittleEndian.PutUint16(nowhere[versionText:], 0xf000)
	for _, c := range []struct {
		name    string
		image   []byte
		release string
		err     string
	}{
		{"Debian's", anImage("6.1.0-56-cloud-amd64"), "6.1.0-56-cloud-amd64", ""},
		{"a release candidate", anImage("7.3-rc7"), "7.3-rc7", ""},
		{"the oldest", anImage("5.10.0-30-amd64"), "5.10.0-30-amd64", ""},
		{"too old", anImage("5.4.0-42-generic"), "", "Linux 5.4.0-42-generic, which is too old: want 5.10 or later"},
		{"much too old", old, "", "a kernel from before Linux 3.8: want 5.10 or later"},
		{"of 32 bits", bits32, "", "a kernel of 32 bits: want one for x86-64"},
		{"without a version", anImage(""), "", "an image without its version in it"},
		{"with a version elsewhere", nowhere, "", "an image without its version in it"},
		{"with a strange version", anImage("linux"), "", `an image whose version can't be read: "linux"`},
		{"an ELF file", []byte("\x7fELF" + string(make([]byte, 1000))), "", "an ELF file: want the bzImage (arch/x86/boot/bzImage, /boot/vmlinuz-…)"},
		{"arm64's", append(append(make([]byte, 0x38), "ARM\x64"...), make([]byte, 100)...), "", "a kernel for arm64: only x86-64 can be booted"},
		{"text", []byte("hello"), "", "not a kernel's image: want a bzImage for x86-64, as /boot/vmlinuz-… is"},
		{"nothing", nil, "", "not a kernel's image: want a bzImage for x86-64, as /boot/vmlinuz-… is"},
	} {
		got, err := release(c.image)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != c.release || text != c.err {
			t.Errorf("%s: %q, %q; want %q, %q", c.name, got, text, c.release, c.err)
		}
	}
}

// Whatever is in a file, it is looked at and no more.
func FuzzRelease(f *testing.F) {
	f.Add(anImage("6.1.0"))
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if name, err := release(b); (name == "") != (err != nil) {
			t.Errorf("release %q, error %v", name, err)
		}
	})
}
