// Bench prints what tcplab's own speed and size are, as ratios within one run:
// machines are too different, and too noisy, for times to say anything.
//
//	bench TCPLAB   where TCPLAB is the built command
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bench TCPLAB")
		os.Exit(2)
	}
	fmt.Printf("%-58s %10s %10s %7s  %s\n", "what is measured", "it", "against", "ratio", "target")
	if err := errors.Join(process(os.Args[1]), observation(), growth(), sideBySide(os.Args[1]), programs(os.Args[1])); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func row(what, it, against string, ratio, target float64) {
	fmt.Printf("%-58s %10s %10s %7.2f  ≤ %.2f\n", what, it, against, ratio, target)
}

// median runs the functions in turn, so that all of them meet the same noise,
// and returns the median time of each.
func median(rounds int, run ...func() (time.Duration, error)) ([]time.Duration, error) {
	times := make([][]time.Duration, len(run))
	for range rounds {
		for i, f := range run {
			d, err := f()
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], d)
		}
	}
	medians := make([]time.Duration, len(run))
	for i, t := range times {
		slices.Sort(t)
		medians[i] = t[len(t)/2]
	}
	return medians, nil
}

// process compares a whole run with the least that makes a network namespace.
func process(tcplab string) error {
	command := func(name string, args ...string) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			begin := time.Now()
			err := exec.Command(name, args...).Run()
			return time.Since(begin), err
		}
	}
	const story = "docs/stories/labs/noaccept.star" // from the project's folder
	m, err := median(100, command(tcplab, "noaccept", "--json"), command("unshare", "-n", "true"), command(tcplab, "play", story, "--json"))
	if err != nil {
		return err
	}
	row("the process `tcplab noaccept --json`, to `unshare -n true`", ms(m[0]), ms(m[1]), float64(m[0])/float64(m[1]), 3)
	row("the process `tcplab play noaccept.star`, to the lab", ms(m[2]), ms(m[0]), float64(m[2])/float64(m[0]), 1.5)
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
func us(d time.Duration) string { return fmt.Sprintf("%.1f µs", d.Seconds()*1e6) }

// observation compares a handshake that is observed with one that is not.
func observation() error {
	const handshakes = 1000
	l := &lab.Lab{Name: "bench", Script: func(s *lab.Script) {
		listener := s.Server.Listen(80, handshakes)
		for range handshakes {
			s.Wire.Handshake(s.Client.Connect(listener))
		}
	}}
	run := func(blind bool) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			r, err := lab.Run(context.Background(), l, lab.Options{Blind: blind})
			if err != nil {
				return 0, err
			}
			if r.Error != "" {
				return 0, errors.New(r.Error)
			}
			return r.Duration / handshakes, nil
		}
	}
	m, err := median(15, run(false), run(true))
	if err != nil {
		return err
	}
	row("a handshake observed, to the same unobserved", us(m[0]), us(m[1]), float64(m[0])/float64(m[1]), 1.3)
	return nil
}

// growth compares a connection among many with one among few, in time and in
// the record's memory.
func growth() error {
	const few, many = 1000, 15000
	run := func(n int) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			_, d, err := fill(n)
			return d, err
		}
	}
	m, err := median(3, run(many), run(few))
	if err != nil {
		return err
	}
	row(fmt.Sprintf("a connection of `backlog --n %d`, to one of --n %d", many, few), us(m[0]), us(m[1]), float64(m[0])/float64(m[1]), 1.25)

	before := heap()
	r, _, err := fill(many)
	if err != nil {
		return err
	}
	perConnection := float64(heap()-before) / many
	runtime.KeepAlive(r)
	row(fmt.Sprintf("the record of `backlog --n %d`, a connection", many), fmt.Sprintf("%.0f B", perConnection), "3072 B", perConnection/3072, 1)
	return nil
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// fill runs backlog and returns the time that each connection took until the
// queue was full.
func fill(n int) (*record.Run, time.Duration, error) {
	text := strconv.Itoa(n)
	r, err := lab.Run(context.Background(), labs.Find("backlog"), lab.Options{Args: lab.Args{"n": text, "somaxconn": text}})
	if err != nil {
		return nil, 0, err
	}
	if r.Outcome != record.Expected {
		return nil, 0, fmt.Errorf("backlog --n %d: %s %s", n, r.Outcome, r.Error)
	}
	parts := 0
	for _, e := range r.Events {
		if _, ok := e.Body.(*record.Part); ok {
			if parts++; parts == 2 {
				return r, e.At / time.Duration(n), nil
			}
		}
	}
	return nil, 0, errors.New("backlog has no second part")
}

// sideBySide compares a run of all labs with the one of them that waits longest
// for timers of the kernel.
func sideBySide(tcplab string) error {
	begin := time.Now()
	out, err := exec.Command(tcplab, "all", "--json").Output()
	if err != nil {
		return err
	}
	took := time.Since(begin)
	var longest time.Duration
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var r record.Run
		if err := dec.Decode(&r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		var waited time.Duration
		for _, e := range r.Events {
			if w, ok := e.Body.(*record.Wait); ok {
				waited += time.Duration(w.WaitedMS) * time.Millisecond
			}
		}
		longest = max(longest, waited)
	}
	row("`tcplab all`, to the lab that waits longest for the kernel", ms(took), ms(longest), float64(took)/float64(longest), 1.1)
	return nil
}
