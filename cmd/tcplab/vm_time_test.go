package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/cmd/tcplab/internal/vm"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

var (
	boots    = flag.Int("boots", 2, "boots of which TestVMSame compares the records")
	vmStalls = flag.Int("vmstalls", 1, "moments of each lab at which TestVMStalls holds it up")
)

// inGuest runs commands with a kernel, and wants no other status than 0 from them.
func inGuest(t *testing.T, k vm.Kernel, job vm.Job, stdout io.Writer) {
	t.Helper()
	var said bytes.Buffer
	job.Dir = "/"
	statuses, err := vm.Run(t.Context(), vm.Config{Shift: vm.Shift, Binary: binary}, k, job, vm.Output{Stdout: stdout, Stderr: &said})
	if err != nil {
		t.Fatal(err)
	}
	for i, status := range statuses {
		if status != 0 {
			t.Errorf("%s: status %d\n%s", strings.Join(job.Commands[i], " "), status, &said)
		}
	}
}

// runsIn decodes records.
func runsIn(t *testing.T, text io.Reader) (runs []*record.Run) {
	t.Helper()
	for dec := json.NewDecoder(text); ; {
		var r record.Run
		err := dec.Decode(&r)
		if errors.Is(err, io.EOF) {
			return runs
		}
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, &r)
	}
}

// What takes minutes or hours elsewhere takes none in a guest: TIME_WAIT to its end, a
// FIN and a SYN without an answer, fifteen retransmissions, keepalive's two hours.
func TestVMHours(t *testing.T) {
	t.Parallel()
	k := kernels(t)[0]
	long := []struct {
		command string
		least   time.Duration
	}{
		{"timewait --wait", time.Minute},
		{"lostfin --retries 0", 90 * time.Second},
		{"lostsyn --forever", 60 * time.Second},
		{"lostdata --forever", 15 * time.Minute},
		{"keepalive --idle 7200", 2 * time.Hour},
	}
	var job vm.Job
	for _, l := range long {
		job.Commands = append(job.Commands, append(strings.Fields(l.command), "--json"))
	}
	var out bytes.Buffer
	inGuest(t, k, job, &out)
	runs := runsIn(t, &out)
	if len(runs) != len(long) {
		t.Fatalf("%d runs, want %d", len(runs), len(long))
	}
	for i, r := range runs {
		if took := r.Events[len(r.Events)-1].At; took < long[i].least {
			t.Errorf("%s took %v, want %v at least", long[i].command, took, long[i].least)
		}
	}
}

// A story that is held up for seconds anywhere surprises nobody: the test of labs/lab, in
// a guest, where it takes no time to hold one up.
func TestVMStalls(t *testing.T) {
	t.Parallel()
	k := kernels(t)[0]
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs go, to build the tests of labs/lab")
	}
	at := filepath.Join(t.TempDir(), "lab.test")
	build := exec.Command("go", "test", "-c", "-o", at, "../../labs/lab")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	program, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	inGuest(t, k, vm.Job{Program: program, Commands: [][]string{{"-test.run", "^TestStalls$", "-stalls", fmt.Sprint(*vmStalls), "-test.timeout", "0"}}}, &out)
	if t.Failed() {
		t.Log(out.String())
	}
}

// Two boots give the same records, but for times, however busy this machine is.
func TestVMSame(t *testing.T) {
	t.Parallel()
	k := kernels(t)[0]
	if *boots > 2 { // else the tests beside it are as good
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range runtime.NumCPU() {
			go func() {
				for ctx.Err() == nil {
				}
			}()
		}
	}
	drawn := make([]map[string]string, *boots)
	turns := make(chan struct{}, runtime.NumCPU())
	var running sync.WaitGroup
	for i := range drawn {
		turns <- struct{}{}
		running.Go(func() {
			defer func() { <-turns }()
			var out bytes.Buffer
			inGuest(t, k, vm.Job{Commands: [][]string{{"all", "--json"}}}, &out)
			drawn[i] = map[string]string{}
			for _, r := range runsIn(t, &out) {
				var text bytes.Buffer
				if err := report.Ladder(&text, r, report.Options{Width: 100, Whole: true}); err != nil {
					t.Error(err)
				}
				drawn[i][r.Lab] = text.String()
			}
		})
	}
	running.Wait()
	for i := range drawn[1:] {
		if diff := cmp.Diff(drawn[0], drawn[i+1]); diff != "" {
			t.Errorf("boot %d is not as the first (-first +this)\n%s", i+2, diff)
		}
	}
}
