package vm

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"
)

// A program is what runs in a guest: its file, and by their paths what it needs to start.
type program struct {
	body []byte
	// libraries are none where it is static. One that cgo was used for needs the dynamic
	// linker (ld.so(8)), and the libraries that this loads.
	libraries map[string][]byte
}

// ownProgram reads tcplab from a file; with no path it is the one that runs.
func ownProgram(at string) (program, error) {
	if at == "" {
		// Not /proc/self, which for the linker would be the linker.
		at = fmt.Sprintf("/proc/%d/exe", os.Getpid())
	}
	b, err := os.ReadFile(at)
	if err != nil {
		return program{}, err
	}
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return program{}, cause(at, err)
	}
	if f.Machine != elf.EM_X86_64 {
		return program{}, errors.New("a virtual machine is x86-64, and this tcplab is not")
	}
	p := program{body: b}
	linker, err := linkerOf(f)
	if linker != "" && err == nil {
		p.libraries, err = librariesOf(linker, at)
	}
	if err != nil {
		return program{}, fmt.Errorf("this tcplab needs libraries, which a virtual machine gets from here (or build it with CGO_ENABLED=0, then it needs none): %w", err)
	}
	return p, nil
}

// linkerOf is the path of a program's dynamic linker: "" where it has none.
func linkerOf(f *elf.File) (string, error) {
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			name := make([]byte, p.Filesz)
			if _, err := p.ReadAt(name, 0); err != nil {
				return "", err
			}
			return string(bytes.TrimRight(name, "\x00")), nil
		}
	}
	return "", nil
}

// librariesOf reads the linker, and what it says that it would load for a program.
func librariesOf(linker, program string) (map[string][]byte, error) {
	cmd := exec.Command(linker, "--list", program) // glibc's and musl's know that
	cmd.Env = []string{"LC_ALL=C"}
	list, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list: %w", linker, err)
	}
	libraries := map[string][]byte{}
	for _, at := range append(listed(string(list)), linker) {
		if libraries[at], err = os.ReadFile(at); err != nil {
			return nil, err
		}
	}
	return libraries, nil
}

// listed are the paths in a linker's list, of which a line is
// "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007fdab2bef000)".
func listed(list string) []string {
	var paths []string
	for line := range strings.Lines(list) {
		if _, after, ok := strings.Cut(line, "=>"); ok {
			line = after
		}
		at, _, _ := strings.Cut(strings.TrimSpace(line), " (")
		if path.IsAbs(at) {
			paths = append(paths, at)
		}
	}
	return paths
}
