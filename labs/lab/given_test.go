package lab_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
)

// The record names the flags that were given, and no others.
func TestGiven(t *testing.T) {
	l := &lab.Lab{
		Name: "test", Title: "A test", Script: func(*lab.Script) {},
		Knobs: []lab.Knob{
			lab.Number("n", 1, 0, 9, ""), lab.Number("m", 1, 0, 9, ""), lab.Switch("on", ""), lab.Switch("off", ""),
			lab.Turns("retries", "client:net.ipv4.tcp_syn_retries", "").Pin("2"),
		},
	}
	r := labtest.Run(t, l, lab.Options{})
	if len(r.Given) != 0 || r.Given == nil {
		t.Errorf("given is %#v, want an empty list", r.Given)
	}
	setting, err := lab.ParseSysctl("server:net.core.somaxconn=7")
	if err != nil {
		t.Fatal(err)
	}
	r = labtest.Run(t, l, lab.Options{
		Args:    lab.Args{"n": "+1", "on": "1", "off": "0", "retries": "03"},
		Sysctls: []lab.Sysctl{setting},
	})
	want := []string{"--n=1", "--on", "--off=false", "--retries=3", "--sysctl=server:net.core.somaxconn=7"}
	if diff := cmp.Diff(want, r.Given); diff != "" {
		t.Error("given (-want +got):\n" + diff)
	}
}
