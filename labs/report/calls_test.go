package report

import (
	"testing"

	"github.com/tcplab/tcplab/labs/record"
)

// The command above a ladder can be typed as it stands.
func TestFlags(t *testing.T) {
	r := &record.Run{Lab: "noaccept", Args: map[string]string{"n": "1"}}
	r.Given = []string{"--n=5", "--forever", "--sysctl=server:net.ipv4.tcp_rmem=4096 131072 6291456", "--x=it's"}
	r.Environment.IPv6 = true
	want := `tcplab noaccept --n=5 --forever --sysctl='server:net.ipv4.tcp_rmem=4096 131072 6291456' --x='it'\''s' --ipv6`
	if got := commandText(r); got != want {
		t.Errorf("the command is %s\nwant %s", got, want)
	}
}
