package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// files are the views that are written to files, beside what stdout gets.
type files struct {
	pcap, html, svg viewFile
	junit           viewFile        // of the commands that tests are run by
	side            string          // of the capture
	capture         *report.Capture // of a run that goes on
	failed          error           // what became of the capture
}

// A viewFile is a file that one view of a run is to be written to. "-" is
// stdout, which then gets nothing else.
type viewFile struct {
	flag, path string
	given      func() bool // also where it is empty; nil for a view that there is no flag for
	out        io.Writer   // once it is open
	file       *newFile    // nil for stdout
}

func (f *files) flags(cmd *cobra.Command) {
	f.pcap.addTo(cmd, "pcap", "write the segments to `FILE` for Wireshark (pcapng)")
	cmd.Flags().StringVar(&f.side, "pcap-side", "", helpText("with --pcap: what one `HOST` has sent and received, or both; without, each segment once, as it was sent"))
	f.html.addTo(cmd, "html", "write a page to step through in a browser to `FILE`")
	f.svg.addTo(cmd, "svg", "write the ladder as a picture to `FILE`")
}

func (v *viewFile) addTo(cmd *cobra.Command, flag, help string) {
	v.flag = flag
	cmd.Flags().StringVar(&v.path, flag, "", helpText(help))
	v.given = func() bool { return cmd.Flags().Changed(flag) }
}

func (f *files) all() []*viewFile { return []*viewFile{&f.pcap, &f.html, &f.svg, &f.junit} }

// toStdout reports whether one of the views takes stdout.
func (f *files) toStdout() bool {
	for _, v := range f.all() {
		if v.path == "-" {
			return true
		}
	}
	return false
}

// check refuses a file without a name, and more than one output for stdout.
func (f *files) check(v *view) error {
	taken := ""
	switch {
	case v.json:
		taken = "--json"
	case v.tap.given() != "":
		taken = v.tap.given()
	case v.step:
		taken = "--step"
	}
	if v.tap.tap && v.tap.ktap {
		return usageError{errors.New("--ktap is all that stdout gets: it takes no --tap")}
	}
	if tap := v.tap.given(); tap != "" && (v.json || v.quiet || v.step) {
		return usageError{errors.New(tap + " is all that stdout gets: it takes no --json, no --quiet and no --step")}
	}
	if f.side != "" && f.pcap.path == "" {
		return usageError{fmt.Errorf("--pcap-side %s: want --pcap FILE as well", f.side)}
	}
	for _, file := range f.all() {
		if file.path == "" && file.given != nil && file.given() {
			return usageError{fmt.Errorf("--%s : want a FILE, or - for stdout", file.flag)}
		}
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
// written is refused then, and so is one that something else is in: a record
// that is shown, another view, or stdout. What is in them stays until there is
// something new.
func (f *files) open(stdout io.Writer, inputs ...*os.File) error {
	var used []inUse
	for _, in := range inputs {
		used = append(used, inUse{"where the record is", in})
	}
	if out, ok := stdout.(*output); ok {
		used = append(used, inUse{"where stdout goes", out.file})
	}
	refuse := func(v *viewFile, format string, args ...any) error {
		f.abandon()
		return usageError{fmt.Errorf("--%s %s: want a file "+format, append([]any{v.flag, v.path}, args...)...)}
	}
	var views []*viewFile
	for _, v := range f.all() {
		if v.path == "" {
			continue
		}
		if v.path == "-" {
			v.out = stdout
			continue
		}
		var err error
		if v.file, err = openNew(v.path); err != nil {
			return refuse(v, "that can be written: %w", cause(err))
		}
		v.out = v.file
		for _, u := range used {
			if u.is(v.file) {
				return refuse(v, "of its own: this is %s", u.what)
			}
		}
		for _, other := range views {
			if other.file.same(v.file) {
				return refuse(v, "of its own: this is where --%s goes", other.flag)
			}
		}
		views = append(views, v)
	}
	return nil
}

// inUse is a file that is read from or written to.
type inUse struct {
	what string
	file *os.File
}

// is reports whether another file is to replace it. What is no regular file, as
// /dev/null, may be had twice.
func (u inUse) is(other *newFile) bool {
	if other.old == nil || !other.old.Mode().IsRegular() {
		return false
	}
	info, err := u.file.Stat()
	return err == nil && os.SameFile(info, other.old)
}

// cause leaves out of an error of os what the user has just typed.
func cause(err error) error {
	var at *os.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// follow has the capture written while the run goes on: of a run's functions for its
// beginning and for each event it makes those that write the capture, and then do what
// they did.
func (f *files) follow(start *func(*record.Run) error, event *func(record.Event) error) {
	if f.pcap.out == nil {
		return
	}
	begin, next := *start, *event
	*start = func(r *record.Run) error {
		f.capture, f.failed = report.NewCapture(f.pcap.out, r, report.Side(f.side))
		if f.failed == nil && f.pcap.file != nil { // whatever ends the run, what was seen is there
			f.failed = f.pcap.file.appear()
		}
		if f.failed == nil && begin != nil {
			return begin(r)
		}
		return f.failed
	}
	*event = func(e record.Event) error {
		if f.failed = f.capture.Add(e); f.failed == nil && next != nil {
			return next(e)
		}
		return f.failed
	}
}

// flush writes what there is of the capture: the next event is told of an error.
func (f *files) flush() {
	if f.capture != nil {
		_ = f.capture.Flush()
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
	}{{&f.pcap, f.writePcap}, {&f.html, report.HTML}, {&f.svg, report.SVG}, {&f.junit, junitOfOne}} {
		if view.to.out == nil || view.to == &f.pcap && f.capture != nil {
			continue
		}
		if err := view.write(view.to.out, r, o); err != nil {
			return view.to.wrap(err)
		}
	}
	return nil
}

// writeJUnit writes what has become of several runs.
func (f *files) writeJUnit(runs []*record.Run, missing []report.Missing, o report.Options) error {
	if f.junit.out == nil {
		return nil
	}
	if err := report.JUnit(f.junit.out, runs, missing, o); err != nil {
		return f.junit.wrap(err)
	}
	return nil
}

func junitOfOne(w io.Writer, r *record.Run, o report.Options) error {
	return report.JUnit(w, []*record.Run{r}, nil, o)
}

func (f *files) writePcap(w io.Writer, r *record.Run, _ report.Options) error {
	return report.Pcap(w, r, report.Side(f.side))
}

// checkSide refuses a side that is none of the hosts.
func (f *files) checkSide(hosts ...string) error {
	if side := report.Side(f.side); side == report.Senders || side == report.Both || slices.Contains(hosts, f.side) {
		return nil
	}
	return usageError{fmt.Errorf("--pcap-side %s: want %s or both", f.side, strings.Join(hosts, ", "))}
}

func (v *viewFile) wrap(err error) error {
	return fmt.Errorf("--%s %s: %w", v.flag, v.path, cause(err))
}

// commit gives the files their names: all that is in them is there.
func (f *files) commit() error {
	var first error
	for _, v := range f.all() {
		if v.file == nil {
			continue
		}
		if err := v.file.commit(); err != nil && first == nil {
			first = v.wrap(err)
		}
		v.file, v.out = nil, nil
	}
	return first
}

// abandon leaves what was there before.
func (f *files) abandon() {
	for _, v := range f.all() {
		if v.file != nil {
			v.file.abandon()
		}
		v.file, v.out = nil, nil
	}
}
