package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// files are the views that are written to files, beside what stdout gets.
type files struct {
	pcap, html, svg viewFile
	capture         *report.Capture // of a run that goes on
	failed          error           // what became of the capture
}

// A viewFile is a file that one view of a run is to be written to. "-" is
// stdout, which then gets nothing else.
type viewFile struct {
	flag, path string
	out        io.Writer // once it is open
	file       *os.File  // nil for stdout
	made       bool      // it was not there before
}

func (f *files) flags(cmd *cobra.Command) {
	f.pcap.addTo(cmd, "pcap", "write the segments to `FILE` for Wireshark (pcapng)")
	f.html.addTo(cmd, "html", "write a page to step through in a browser to `FILE`")
	f.svg.addTo(cmd, "svg", "write the ladder as a picture to `FILE`")
}

func (v *viewFile) addTo(cmd *cobra.Command, flag, help string) {
	v.flag = flag
	cmd.Flags().StringVar(&v.path, flag, "", helpText(help))
}

func (f *files) all() []*viewFile { return []*viewFile{&f.pcap, &f.html, &f.svg} }

// toStdout tells whether one of the views takes stdout.
func (f *files) toStdout() bool {
	for _, v := range f.all() {
		if v.path == "-" {
			return true
		}
	}
	return false
}

// check refuses more than one output for stdout.
func (f *files) check(v *view) error {
	taken := ""
	switch {
	case v.json:
		taken = "--json"
	case v.step:
		taken = "--step"
	}
	for _, file := range f.all() {
		if file.path != "-" {
			continue
		}
		if taken != "" {
			return usageError{fmt.Errorf("--%s -: stdout is taken by %s", file.flag, taken)}
		}
		taken = "--" + file.flag + " -"
	}
	return nil
}

// open opens all files before anything else is done, so that one that can't be
// written is refused then, and so is one that something else is in: the record
// that is shown (input, nil for none), another view, or stdout. What is in them
// stays until there is something new.
func (f *files) open(stdout io.Writer, input *os.File) error {
	used := []inUse{{"where the record is", input}}
	if out, ok := stdout.(*output); ok {
		used = append(used, inUse{"where stdout goes", out.file})
	}
	for _, v := range f.all() {
		if v.path == "" {
			continue
		}
		if v.path == "-" {
			v.out = stdout
			continue
		}
		_, err := os.Stat(v.path)
		v.made = errors.Is(err, os.ErrNotExist)
		v.file, err = os.OpenFile(v.path, os.O_WRONLY|os.O_CREATE, 0o666)
		if err != nil {
			_ = f.close(false)
			return usageError{fmt.Errorf("--%s %s: want a file that can be written: %w", v.flag, v.path, cause(err))}
		}
		v.out = v.file
		for _, u := range used {
			if u.is(v.file) {
				_ = f.close(false)
				return usageError{fmt.Errorf("--%s %s: want a file of its own: this is %s", v.flag, v.path, u.what)}
			}
		}
		used = append(used, inUse{"where --" + v.flag + " goes", v.file})
	}
	return nil
}

// inUse is a file that is read from or written to.
type inUse struct {
	what string
	file *os.File // or nil
}

// is tells whether another open file is the same regular one. What is no regular
// file, as /dev/null, may be had twice.
func (u inUse) is(other *os.File) bool {
	if u.file == nil {
		return false
	}
	a, errA := u.file.Stat()
	b, errB := other.Stat()
	return errA == nil && errB == nil && a.Mode().IsRegular() && os.SameFile(a, b)
}

// cause leaves out of an error of os what the user has just typed.
func cause(err error) error {
	var at *os.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// begin empties the file: what comes now is new.
func (v *viewFile) begin() error {
	if v.file == nil {
		return nil
	}
	info, err := v.file.Stat()
	if err != nil || !info.Mode().IsRegular() { // a pipe, /dev/full
		return err
	}
	return v.file.Truncate(0)
}

// follow has the capture written while the run goes on.
func (f *files) follow(o *lab.Options) {
	if f.pcap.out == nil {
		return
	}
	o.OnStart = func(r *record.Run) error {
		if f.failed = f.pcap.begin(); f.failed == nil {
			f.capture, f.failed = report.NewCapture(f.pcap.out, r)
		}
		return f.failed
	}
	o.OnEvent = func(e record.Event) error {
		f.failed = f.capture.Add(e)
		return f.failed
	}
	show := o.OnWait
	o.OnWait = func(w record.Wait) {
		_ = f.capture.Flush() // the next event is told of an error
		show(w)
	}
}

// endCapture ends the capture of a run that has ended, however it did.
func (f *files) endCapture() error {
	if f.capture != nil && f.failed == nil {
		f.failed = f.capture.Close()
	}
	if f.failed != nil {
		return f.pcap.wrap(f.failed)
	}
	return nil
}

// write writes the views that are made of a whole record.
func (f *files) write(r *record.Run, o report.Options) error {
	for _, view := range []struct {
		to    *viewFile
		write func(io.Writer, *record.Run, report.Options) error
	}{{&f.pcap, pcap}, {&f.html, report.HTML}, {&f.svg, report.SVG}} {
		if view.to.out == nil || view.to == &f.pcap && f.capture != nil {
			continue
		}
		err := view.to.begin()
		if err == nil {
			err = view.write(view.to.out, r, o)
		}
		if err != nil {
			return view.to.wrap(err)
		}
	}
	return nil
}

func pcap(w io.Writer, r *record.Run, _ report.Options) error { return report.Pcap(w, r) }

func (v *viewFile) wrap(err error) error {
	return fmt.Errorf("--%s %s: %w", v.flag, v.path, cause(err))
}

// close closes the files. Where the run did not come to its end, a file that it
// has made and not written to is taken away again.
func (f *files) close(ended bool) error {
	var first error
	for _, v := range f.all() {
		if v.file == nil {
			continue
		}
		info, err := v.file.Stat()
		if !ended && v.made && err == nil && info.Size() == 0 {
			err = os.Remove(v.path)
		}
		if closed := v.file.Close(); err == nil {
			err = closed
		}
		if err != nil && first == nil {
			first = v.wrap(err)
		}
		v.file, v.out = nil, nil
	}
	return first
}
