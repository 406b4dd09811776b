// Package counters reads a network namespace's TCP counters: the Tcp line of
// /proc/net/snmp and the TcpExt line of /proc/net/netstat, under the kernel's
// own names (net/ipv4/proc.c).
package counters

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// gauges are no counters: settings and present numbers among the Tcp line.
var gauges = map[string]bool{"RtoAlgorithm": true, "RtoMin": true, "RtoMax": true, "MaxConn": true, "CurrEstab": true}

// The files, in this folder, and the line of each that is about TCP.
const folder = "/proc/thread-self/net/"

var files = [...]struct{ name, section string }{{"snmp", "Tcp:"}, {"netstat", "TcpExt:"}}

// A Set is the counters of one network namespace. To open the files takes as long as to
// read them, and a file that was read before has room for its text (seq_read_iter): one
// that is new writes it twice.
type Set struct {
	fds  [len(files)]int
	text []byte
}

// Open opens the counters of the calling thread's network namespace. Any thread may
// read them.
func Open() (*Set, error) {
	s := &Set{text: make([]byte, 1<<14)} // twice what there is
	for i, f := range files {
		fd, err := unix.Open(folder+f.name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			for _, open := range s.fds[:i] {
				_ = unix.Close(open)
			}
			return nil, &os.PathError{Op: "open", Path: folder + f.name, Err: err}
		}
		s.fds[i] = fd
	}
	return s, nil
}

// Close closes the files.
func (s *Set) Close() error {
	var errs []error
	for _, fd := range s.fds {
		errs = append(errs, unix.Close(fd))
	}
	return errors.Join(errs...)
}

// Read reads the counters, without those that are 0.
func (s *Set) Read() (map[string]int64, error) {
	set := map[string]int64{}
	for i, f := range files {
		text, err := s.read(s.fds[i])
		if err == nil {
			err = parse(set, text, f.section)
		}
		if err != nil {
			return nil, fmt.Errorf("/proc/net/%s: %w", f.name, err)
		}
	}
	return set, nil
}

// read reads a whole file: the kernel gives all of it at once, if there is room.
func (s *Set) read(fd int) (string, error) {
	for {
		n, err := unix.Pread(fd, s.text, 0)
		if err != nil {
			return "", os.NewSyscallError("read", err)
		}
		if n < len(s.text) {
			return string(s.text[:n]), nil
		}
		s.text = make([]byte, 2*n)
	}
}

// Has reports whether this kernel has a counter of TcpExt, whatever its value.
func Has(name string) (bool, error) {
	text, err := os.ReadFile(folder + "netstat")
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "TcpExt:") { // the first such line has the names
			return slices.Contains(strings.Fields(line), name), nil
		}
	}
	return false, nil
}

// parse adds the counters of a section: one line of names, then one of values.
func parse(set map[string]int64, text, section string) error {
	var names []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, section) {
			continue
		}
		fields := strings.Fields(line)
		if names == nil {
			names = fields
			continue
		}
		if len(fields) != len(names) {
			return fmt.Errorf("%s %d names, %d values", section, len(names)-1, len(fields)-1)
		}
		for i, name := range names[1:] {
			n, err := strconv.ParseInt(fields[i+1], 10, 64)
			if err != nil {
				return fmt.Errorf("%s %s: %w", section, name, err)
			}
			if n != 0 && !gauges[name] {
				set[name] = n
			}
		}
		return nil
	}
	return fmt.Errorf("no %s section", section)
}
