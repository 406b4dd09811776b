package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// tracedKills is how many traced runs TestKillTraced kills.
const tracedKills = 20

// Whenever a traced run is killed, its tracing instance goes, and with it every
// event that it had enabled; and nothing was ever mounted.
func TestKillTraced(t *testing.T) {
	t.Parallel()
	trace.orSkip(t)
	program := ownBinary(t)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if _, err := tell("noaccept", "--trace"); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(begin)
	seen := 0
	for i := range tracedKills {
		lab := "noaccept"
		if i == 0 {
			lab = "lostsyn" // which traces for seconds, so that one is killed meanwhile
		}
		cmd := exec.Command(program, lab, "--trace")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		own := instanceOf(cmd.Process.Pid)
		if i == 0 {
			poll(func() bool { return strings.Contains(instances(t), own) })
		} else {
			<-time.After(whole * time.Duration(i) / tracedKills) // a moment of its life
		}
		if strings.Contains(instances(t), own) {
			seen++
		}
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if !poll(func() bool { return !strings.Contains(instances(t), own) }) {
			t.Errorf("killed after %v of %v: left are\n%s", whole*time.Duration(i)/tracedKills, whole, instances(t))
		}
	}
	t.Logf("%d of %d had an instance when they were killed", seen, tracedKills)
	if seen == 0 {
		t.Error("no run was killed while it traced")
	}
	if now, err := os.ReadFile("/proc/self/mountinfo"); err != nil || string(now) != string(mounts) {
		t.Errorf("mounts were\n%sand are\n%s%v", mounts, now, err)
	}
}
