package tracepoint

import (
	"encoding/binary"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// buffer is how much the kernel keeps for each processor until it is read.
const bufferKB = "1024"

// A Tracer records the tracepoints that one thread passes, and those that
// interrupts pass, whichever processor they come to: a timer's among them. It has
// an instance of tracing of its own (Documentation/trace/ftrace.rst,
// "Instances"), so it disturbs no other use of tracing, nor is disturbed.
type Tracer struct {
	fs      *FS
	name    string
	page    pageFormat
	formats map[uint16]*Format // by common_type, which is the ID
	pipes   []int              // trace_pipe_raw of each processor
	stop    int                // eventfd
	stopped sync.WaitGroup

	mu      sync.Mutex
	buf     []byte
	samples []Sample
	err     error
}

// Open begins to record what the calling thread does, which must be locked to its
// goroutine. The tracepoints of interrupt are also recorded where an interrupt
// passes them.
func (fs *FS) Open(thread, interrupt []*Format) (t *Tracer, err error) {
	t = &Tracer{fs: fs, formats: map[uint16]*Format{}, stop: -1}
	defer func() {
		if err != nil {
			t.Close()
			t = nil
		}
	}()
	text, err := fs.Read("events/header_page")
	if err != nil {
		return t, err
	}
	if t.page, err = parsePageFormat(text); err != nil {
		return t, fmt.Errorf("events/header_page: %w", err)
	}
	t.buf = make([]byte, t.page.size())
	if err := t.instance(); err != nil {
		return t, err
	}
	mine := fmt.Sprintf("common_pid == %d", unix.Gettid())
	for _, f := range thread {
		filter := mine
		if slices.Contains(interrupt, f) {
			filter += fmt.Sprintf(" || common_flags & %d", flagHardirq|flagSoftirq)
		}
		t.formats[uint16(f.ID)] = f
		if err := t.set("events/"+f.path+"/filter", filter); err != nil {
			return t, err
		}
		if err := t.set("events/"+f.path+"/enable", "1"); err != nil {
			return t, err
		}
	}
	return t, t.listen()
}

// instance makes the instance, and sees to it that it goes.
func (t *Tracer) instance() error {
	if err := t.fs.sweep(); err != nil {
		return err
	}
	if err := keep(); err != nil {
		return err
	}
	t.name = own() + strconv.Itoa(unix.Gettid())
	dir := path.Join(instances, t.name)
	if err := unix.Mkdirat(t.fs.fd, dir, 0o700); err != nil {
		return fmt.Errorf("tracefs: %s: %w", dir, os.NewSyscallError("mkdirat", err))
	}
	if err := t.set("buffer_size_kb", bufferKB); err != nil {
		return err
	}
	return t.set("trace_clock", "mono") // CLOCK_MONOTONIC
}

func (t *Tracer) set(file, value string) error {
	return t.fs.write(path.Join(instances, t.name, file), value)
}

// listen opens the buffers, one for each processor.
func (t *Tracer) listen() error {
	dir := path.Join(instances, t.name, "per_cpu")
	names, err := t.fs.Read(dir)
	if err != nil {
		return err
	}
	for name := range strings.Lines(names) {
		file := path.Join(dir, strings.TrimSpace(name), "trace_pipe_raw")
		fd, err := unix.Openat(t.fs.fd, file, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("tracefs: %s: %w", file, os.NewSyscallError("openat", err))
		}
		t.pipes = append(t.pipes, fd)
	}
	if t.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	t.stopped.Go(t.collect)
	return nil
}

// collect empties the buffers whenever the kernel says that one fills, so that
// what others do on this machine does not fill them while the thread waits.
func (t *Tracer) collect() {
	fds := []unix.PollFd{{Fd: int32(t.stop), Events: unix.POLLIN}}
	for _, fd := range t.pipes {
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return // Read tells if anything was lost
		}
		if fds[0].Revents != 0 {
			return
		}
		t.mu.Lock()
		t.drain()
		failed := t.err != nil
		t.mu.Unlock()
		if failed {
			return // Read tells
		}
	}
}

// Read returns all samples since the last Read, in the order of time. A sample
// that another processor is just writing comes with the next Read.
func (t *Tracer) Read() ([]Sample, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drain()
	samples := t.samples
	t.samples = nil
	slices.SortStableFunc(samples, func(a, b Sample) int { return int(a.Time - b.Time) })
	return samples, t.err
}

func (t *Tracer) drain() {
	for _, fd := range t.pipes {
		for t.err == nil {
			n, err := unix.Read(fd, t.buf)
			if err == unix.EAGAIN || err == nil && n == 0 {
				break
			}
			if err != nil && err != unix.EINTR {
				t.err = os.NewSyscallError("read", err)
			} else if err == nil {
				t.err = t.page.events(t.buf[:n], t.sample)
			}
		}
	}
}

// sample takes in the raw data of one event.
func (t *Tracer) sample(at time.Duration, raw []byte) error {
	if len(raw) < 2 {
		return fmt.Errorf("event of %d bytes", len(raw))
	}
	f := t.formats[binary.NativeEndian.Uint16(raw)] // common_type
	if f == nil {
		return nil // nothing that was asked for
	}
	s, err := f.Decode(raw)
	if err != nil {
		return err
	}
	s.Time = at
	t.samples = append(t.samples, s)
	return nil
}

// Close ends the recording. The instance is gone when it returns.
func (t *Tracer) Close() {
	if t.stop >= 0 {
		_, _ = unix.Write(t.stop, []byte{7: 1})
		t.stopped.Wait()
		_ = unix.Close(t.stop)
	}
	for _, fd := range t.pipes {
		_ = unix.Close(fd)
	}
	if t.name != "" {
		_ = t.fs.remove(path.Join(instances, t.name)) // if not, the keeper does
	}
}
