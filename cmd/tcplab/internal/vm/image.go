package vm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// An image is what a boot loader loads: a bzImage of x86
// (Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header").
const (
	headerMagic   = 0x202 // "HdrS"
	headerVersion = 0x206 // of the boot protocol
	versionText   = 0x20e // where the kernel's version is, less 0x200
	headerFlags   = 0x236 // xloadflags
	kernel64      = 1 << 0
	// headerEnd is how much of an image tells what it is.
	headerEnd = 0x10000
)

// oldest is the oldest kernel that the labs have been run on.
var oldest = [2]int{5, 10}

// A notKernelError says why a file can't be booted.
type notKernelError string

func (e notKernelError) Error() string { return string(e) }

// release reads from an image's first bytes which kernel it is: what uname -r says
// there, "6.1.0-56-cloud-amd64". The error is a notKernelError where it is no kernel
// for this purpose.
func release(head []byte) (string, error) {
	if len(head) < headerFlags+2 || string(head[headerMagic:headerMagic+4]) != "HdrS" {
		switch {
		case bytes.HasPrefix(head, []byte("\x7fELF")):
			return "", notKernelError("an ELF file: want the bzImage (arch/x86/boot/bzImage, /boot/vmlinuz-…)")
		case len(head) > 0x3c && string(head[0x38:0x3c]) == "ARM\x64":
			return "", notKernelError("a kernel for arm64: only x86-64 can be booted")
		}
		return "", notKernelError("not a kernel's image: want a bzImage for x86-64, as /boot/vmlinuz-… is")
	}
	if v := binary.LittleEndian.Uint16(head[headerVersion:]); v < 0x20c {
		return "", notKernelError(fmt.Sprintf("a kernel from before Linux 3.8: want %d.%d or later", oldest[0], oldest[1]))
	}
	if binary.LittleEndian.Uint16(head[headerFlags:])&kernel64 == 0 {
		return "", notKernelError("a kernel of 32 bits: want one for x86-64")
	}
	at := int(binary.LittleEndian.Uint16(head[versionText:])) + 0x200
	if at >= len(head) {
		return "", notKernelError("an image without its version in it")
	}
	text, _, _ := bytes.Cut(head[at:], []byte{0})
	name, _, _ := strings.Cut(string(text), " ")
	if name == "" {
		return "", notKernelError("an image without its version in it")
	}
	major, minor, err := numbers(name)
	if err != nil {
		return "", notKernelError("an image whose version can't be read: " + strconv.Quote(name))
	}
	if major < oldest[0] || major == oldest[0] && minor < oldest[1] {
		return "", notKernelError(fmt.Sprintf("Linux %s, which is too old: want %d.%d or later", name, oldest[0], oldest[1]))
	}
	return name, nil
}

// numbers are the first two of a version: "6.1.0-56" is 6 and 1.
func numbers(name string) (major, minor int, err error) {
	first, rest, ok := strings.Cut(name, ".")
	if !ok {
		return 0, 0, errors.New("no version")
	}
	if i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		rest = rest[:i]
	}
	if major, err = strconv.Atoi(first); err == nil {
		minor, err = strconv.Atoi(rest)
	}
	return major, minor, err
}
