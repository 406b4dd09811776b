// Kernels runs all labs on several kernels, each in a virtual machine, and keeps what
// they have shown.
//
//	kernels TCPLAB DIR   with the program TCPLAB, on the kernels in the folder DIR
//	                     (fetch LIST DIR puts those of a list there)
//	kernels V.jsonl...   with the records that it has left, of which those that come
//	                     later stand for earlier ones of the same run
//
// The table goes to stdout as JSON. The records of each kernel are left in DIR/V.jsonl, for
// tcplab show and the like. What did not come out as the labs say is told on stderr.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/seen"
	"github.com/tcplab/tcplab/cmd/tcplab/internal/vm"
	"github.com/tcplab/tcplab/labs/record"
)

// commands are what each kernel runs, in one boot.
var commands = [][]string{
	{"all", "--json"},
	{"all", "--json", "--ipv6"},
	{"all", "--json", "--trace"},
	{"timewait", "--wait", "--json"},
	{"lostfin", "--retries", "0", "--json"},
	{"lostsyn", "--forever", "--json"},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch args := os.Args[1:]; {
	case len(args) > 0 && !slices.ContainsFunc(args, func(a string) bool { return !strings.HasSuffix(a, recordsEnd) }):
		err = again(args)
	case len(args) == 2:
		err = run(ctx, args[0], args[1])
	default:
		fmt.Fprintln(os.Stderr, "usage: kernels TCPLAB DIR, or kernels V.jsonl...")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kernels:", err)
		os.Exit(1)
	}
}

// recordsEnd is what the name of a kernel's records ends in.
const recordsEnd = ".jsonl"

// again makes the table of records that are there.
func again(files []string) error {
	var all []seen.Runs
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		version := strings.TrimSuffix(filepath.Base(name), recordsEnd)
		i := slices.IndexFunc(all, func(r seen.Runs) bool { return r.Kernel == version })
		if i < 0 {
			all = append(all, seen.Runs{Kernel: version})
			i = len(all) - 1
		}
		runs, err := decode(bytes.NewReader(text))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all[i].Runs = append(all[i].Runs, runs...)
	}
	return seen.Of(all).JSON(os.Stdout)
}

// decode reads records.
func decode(r io.Reader) (runs []*record.Run, err error) {
	for dec := json.NewDecoder(r); ; {
		var r record.Run
		switch err := dec.Decode(&r); {
		case errors.Is(err, io.EOF):
			return runs, nil
		case err != nil:
			return nil, err
		}
		runs = append(runs, &r)
	}
}

func run(ctx context.Context, program, dir string) error {
	kernels, err := vm.Find(dir, "")
	if err != nil {
		return err
	}
	all := make([]seen.Runs, len(kernels))
	failed := make([]error, len(kernels))
	turns := make(chan struct{}, runtime.NumCPU())
	var running sync.WaitGroup
	for i, k := range kernels {
		running.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			begin := time.Now()
			all[i], failed[i] = boot(ctx, program, dir, k)
			fmt.Fprintf(os.Stderr, "%s: %d runs in %.0f s\n", all[i].Kernel, len(all[i].Runs), time.Since(begin).Seconds())
		})
	}
	running.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	return seen.Of(all).JSON(os.Stdout)
}

// boot runs all commands on one kernel.
func boot(ctx context.Context, program, dir string, k vm.Kernel) (seen.Runs, error) {
	runs := seen.Runs{Kernel: k.Release}
	var records, said bytes.Buffer
	job := vm.Job{Commands: commands, Dir: "/"}
	out := vm.Output{
		Stdout: &records, Stderr: &said,
		Hello: func(release, version string) { runs.Kernel = versionOf(release, version) },
	}
	_, err := vm.Run(ctx, vm.Config{Shift: vm.Shift, Binary: program}, k, job, out)
	for line := range strings.Lines(said.String()) {
		fmt.Fprintf(os.Stderr, "%s: %s", runs.Kernel, line)
	}
	if err != nil {
		return runs, err
	}
	if err := os.WriteFile(filepath.Join(dir, runs.Kernel+recordsEnd), records.Bytes(), 0o644); err != nil {
		return runs, err
	}
	runs.Runs, err = decode(&records)
	for _, r := range runs.Runs {
		if r.Outcome != record.Expected {
			fmt.Fprintf(os.Stderr, "%s: %s: %s %s%s\n", runs.Kernel, r.Lab, r.Outcome, r.Error, surprises(r))
		}
	}
	return runs, err
}

// surprises names the claims that came out otherwise.
func surprises(r *record.Run) (names string) {
	for _, c := range r.Claims {
		if c.Surprise {
			names += fmt.Sprintf("%s is %s, evidence %v; ", c.ID, c.Verdict, c.Evidence)
		}
	}
	return names
}

// debian is what the version of Debian's kernels has: their release is one for many.
var debian = regexp.MustCompile(`Debian ([0-9]+\.[0-9]+\.[0-9]+)`)

// versionOf is a kernel's version, of what uname(2) says of it.
func versionOf(release, version string) string {
	if m := debian.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	version, _, _ = strings.Cut(release, "-")
	version, _, _ = strings.Cut(version, "+")
	return version
}
