package vm

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
)

// ownBinary reads the program that is to run in a guest, which has no library.
func ownBinary(at string) ([]byte, error) {
	if at == "" {
		at = "/proc/self/exe"
	}
	b, err := os.ReadFile(at)
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return nil, cause(at, err)
	}
	if f.Machine != elf.EM_X86_64 {
		return nil, errors.New("a virtual machine is x86-64, and this tcplab is not")
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, errors.New("this tcplab needs libraries that a virtual machine does not have: build it with CGO_ENABLED=0")
		}
	}
	return b, nil
}
