package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// setUp is what tcplab run may take beside what its programs take.
const setUp = 15 * time.Millisecond

// nginxConf serves a page of a few bytes.
const nginxConf = `user root root;
daemon off;
pid pid;
error_log stderr;
events {}
http { access_log off; server { listen 80; root .; } }
`

// programs compares programs on the wire with the same over loopback.
func programs(tcplab string) error {
	for _, name := range []string{"nginx", "curl", "iperf3", "unshare", "ip"} {
		if _, err := exec.LookPath(name); err != nil {
			fmt.Println("tcplab run is not measured:", err)
			return nil
		}
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(nginxConf), 0o644),
		os.WriteFile(filepath.Join(dir, "index.html"), []byte("hello\n"), 0o644),
	); err != nil {
		return err
	}
	return errors.Join(request(tcplab, dir), bulk(tcplab))
}

// request compares a whole run of curl and nginx with the same over loopback.
func request(tcplab, dir string) error {
	timed := func(name string, args ...string) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			begin := time.Now()
			out, err := exec.Command(name, args...).CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			return time.Since(begin), err
		}
	}
	const loopback = "ip link set lo up; nginx -p %s -c nginx.conf & until curl -sS http://127.0.0.1/ 2>&-; do :; done; kill $!; wait $!"
	server := "exec nginx -p " + dir + " -c nginx.conf"
	m, err := median(15,
		timed(tcplab, "run", "-q", "--server", server, "--port", "80", "--", "curl", "-sS", "http://server/"),
		timed("unshare", "-n", "sh", "-c", fmt.Sprintf(loopback, dir)))
	if err != nil {
		return err
	}
	ratio := float64(m[0]-setUp) / float64(m[1])
	row("`tcplab run` of nginx and curl less 15 ms, to the same over loopback", ms(m[0]), ms(m[1]), ratio, 3)
	return nil
}

// bulk compares what iperf3 gets through the wire with what it gets through loopback.
func bulk(tcplab string) error {
	const client = "iperf3 -c %s %s -J"
	onWire := func(much string, flags ...string) func() (float64, error) {
		return func() (float64, error) {
			args := append([]string{"run", "-q", "--server", "exec iperf3 -s", "--port", "5201"}, flags...)
			return throughput(exec.Command(tcplab, append(args, "--", "sh", "-c", fmt.Sprintf(client, "server", much))...), "client: ")
		}
	}
	const loopback = "ip link set lo up; iperf3 -s >&- & sleep 0.5; " + client + "; kill $!"
	onLoopback := func() (float64, error) {
		return throughput(exec.Command("unshare", "-n", "sh", "-c", fmt.Sprintf(loopback, "127.0.0.1", "-t 2")), "")
	}
	// The record of all bursts holds all bytes: so many, then, and no more.
	const noMore = "-n 500M"
	g, err := medianRate(5, onLoopback, onWire("-t 2"), onWire("-t 2", "--fast"), onWire(noMore, "--fast", "--fold", "0"))
	if err != nil {
		return err
	}
	lo, plain, fast, looked := g[0], g[1], g[2], g[3]
	row("0.8 Gb/s, to what `tcplab run` carries of iperf3", gigabits(0.8e9), gigabits(plain), 0.8e9/plain, 1)
	row("iperf3 on loopback, to `tcplab run --fast`", gigabits(lo), gigabits(fast), lo/fast, 1)
	row("iperf3 on loopback, to --fast --fold 0: all seen and kept", gigabits(lo), gigabits(looked), lo/looked, 2)
	return nil
}

func gigabits(n float64) string { return fmt.Sprintf("%.2f Gb/s", n/1e9) }

// medianRate is median for rates, in bits a second.
func medianRate(rounds int, run ...func() (float64, error)) ([]float64, error) {
	rates := make([][]float64, len(run))
	for range rounds {
		for i, f := range run {
			r, err := f()
			if err != nil {
				return nil, err
			}
			rates[i] = append(rates[i], r)
		}
	}
	medians := make([]float64, len(run))
	for i, r := range rates {
		slices.Sort(r)
		medians[i] = r[len(r)/2]
	}
	return medians, nil
}

// throughput is what iperf3 tells, in bits a second. What it writes stands behind
// prefix on each line.
func throughput(cmd *exec.Cmd, prefix string) (float64, error) {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	var text strings.Builder
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			text.WriteString(rest)
		}
	}
	var told struct {
		End struct {
			SumReceived struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	err = json.NewDecoder(strings.NewReader(text.String())).Decode(&told)
	if err == nil && told.End.SumReceived.BitsPerSecond == 0 {
		err = errors.New("iperf3 tells no throughput")
	}
	return told.End.SumReceived.BitsPerSecond, err
}
