package main

import (
	"os"
	"os/exec"
	"testing"
)

// requireProgram returns the path of a program of Debian's, and skips the test
// where it is not installed. With TCPLAB_REQUIRE_PRIV=1 that is a failure.
func requireProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("TCPLAB_REQUIRE_PRIV") == "1" {
		t.Fatalf("TCPLAB_REQUIRE_PRIV=1: %v", err)
	}
	t.Skipf("needs %s: %v", name, err)
	return ""
}
