package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a linker says that it loads, glibc's and musl's.
func TestListed(t *testing.T) {
	for _, test := range []struct {
		list string
		want []string
	}{
		{
			"\tlinux-vdso.so.1 (0x00007fdab2ded000)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007fdab2bef000)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007fdab2def000)\n",
			[]string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"},
		},
		{"\t/lib/ld-musl-x86_64.so.1 (0x7f5b7f5d0000)\n\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f5b7f5d0000)\n", []string{"/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-x86_64.so.1"}},
		{"\tstatically linked\n", nil},
	} {
		if diff := cmp.Diff(test.want, listed(test.list)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", test.list, diff)
		}
	}
}

// What is no program is refused, and so is one for another architecture.
func TestOwnProgramRefused(t *testing.T) {
	dir := t.TempDir()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	const machine = 18 // where an ELF file says what it is for (elf(5), e_machine)
	self[machine] ^= 0xff
	for name, body := range map[string][]byte{"text": []byte("no program"), "other": self} {
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, body, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ownProgram(at); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
