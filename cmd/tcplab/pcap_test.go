package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/tcplab/tcplab/labs/record"
)

// A capture has each segment of the run once as it was sent, once for each time
// that it arrived, and a comment on each; and Wireshark has nothing to complain of.
func TestCapture(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	for _, args := range []string{
		"handshake", "lostsyn", "lostfin --ipv6", "selfconnect", "simclose", "nolisten --ipv6", "backlog --n 3", "timewait",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			live, saved := filepath.Join(t.TempDir(), "live"), filepath.Join(t.TempDir(), "saved")
			run := exec.Command(binary, append(strings.Fields(args), "--json", "--pcap", live)...)
			run.Stderr = os.Stderr
			text, err := run.Output()
			if err != nil {
				t.Fatal(err)
			}
			show := exec.Command(binary, "show", "-", "--quiet", "--pcap", saved)
			show.Stdin = bytes.NewReader(text)
			if out, err := show.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if !bytes.Equal(readFile(t, live), readFile(t, saved)) {
				t.Error("made of the record it is another file than the live one")
			}
			var r record.Run
			if err := r.UnmarshalJSON(text); err != nil {
				t.Fatal(err)
			}
			got := readCapture(t, live)
			if diff := cmp.Diff(wantPackets(&r), hostsOf(got)); diff != "" {
				t.Errorf("packets (-want +got):\n%s", diff)
			}
			tsharkReads(t, live, got)
		})
	}
}

// wantPackets are the hosts' names: of the sender, where a segment is decided on
// for the first time, and of the receiver, where it arrives.
func wantPackets(r *record.Run) (hosts []string) {
	sent := map[int]bool{}
	for _, e := range r.Events {
		s, ok := e.Body.(*record.Segment)
		if !ok {
			continue
		}
		if !sent[s.ID] && !s.Forged {
			hosts = append(hosts, s.From)
		}
		sent[s.ID] = true
		if s.Fate == record.Delivered || s.Fate == record.Injected {
			hosts = append(hosts, s.To)
		}
	}
	return hosts
}

type packet struct{ host, comment string }

func hostsOf(packets []packet) (hosts []string) {
	for _, p := range packets {
		hosts = append(hosts, p.host)
	}
	return hosts
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readCapture reads a capture to its end.
func readCapture(t *testing.T, file string) (packets []packet) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, err := pcapgo.NewNgReader(f, pcapgo.NgReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		_, about, options, err := in.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			return packets
		}
		if err != nil || len(options.Comments) != 1 {
			t.Fatalf("packet %d: %d comments, %v", len(packets)+1, len(options.Comments), err)
		}
		intf, err := in.Interface(about.InterfaceIndex)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, packet{intf.Name, options.Comments[0]})
	}
}

// tsharkReads wants Wireshark to read the same from a file, with all checksums
// good, no packet malformed, no error of its experts, and no word on stderr.
func tsharkReads(t *testing.T, file string, want []packet) {
	t.Helper()
	cmd := exec.Command(requireProgram(t, "tshark"), "-r", file, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE",
		"-T", "fields", "-E", "separator=/s", "-e", "frame.interface_name", "-e", "tcp.checksum.status", "-e", "_ws.malformed", "-e", "frame.comment")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	complaints := strings.ReplaceAll(stderr.String(), "Running as user \"root\" and group \"root\". This could be dangerous.\n", "")
	if err != nil || complaints != "" {
		t.Errorf("tshark: %v: %s", err, complaints)
	}
	var lines strings.Builder
	for _, p := range want { // 1: the checksum is good
		fmt.Fprintf(&lines, "%s 1  %s\n", p.host, p.comment)
	}
	if diff := cmp.Diff(lines.String(), string(out)); diff != "" {
		t.Errorf("tshark (-want +got):\n%s", diff)
	}
	const wrong = `_ws.expert.severity >= "Error" || ip.checksum.status == "Bad" || !tcp`
	out, err = exec.Command("tshark", "-r", file, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-Y", wrong).Output()
	if err != nil || len(out) > 0 {
		t.Errorf("tshark finds wrong: %v\n%s", err, out)
	}
}

// A run that is cut short while it waits for a timer leaves a file that has all
// until then.
func TestCaptureCutShort(t *testing.T) {
	t.Parallel()
	user.orSkip(t)
	for _, u := range accounts() {
		for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGKILL} {
			t.Run(u.name+" "+signal.String(), func(t *testing.T) {
				t.Parallel()
				dir := ownDir(t, u.uid)
				file := filepath.Join(dir, "capture")
				term := openTerminal(t, 80)
				cmd := exec.Command(binary, "lostsyn", "--pcap", file)
				cmd.Stdin, cmd.Stdout, cmd.Stderr = term.user, io.Discard, term.user
				if err := elsewhere(u.uid, openNode, cmd.Start); err != nil {
					t.Fatal(err)
				}
				term.until(t, "client's retransmit timer")
				if err := cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				if cmd.Wait() == nil {
					t.Error("it was not cut short")
				}
				got := readCapture(t, file)
				want := []packet{{"client", "sent, lost on the wire. client SYN_SENT (1 byte not acked, retransmit timer), server LISTEN (queue 0 of 16)"}}
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(packet{})); diff != "" {
					t.Errorf("packets (-want +got):\n%s", diff)
				}
				tsharkReads(t, file, got)
			})
		}
	}
}

// ownDir makes a directory of a user's.
func ownDir(t *testing.T, uid int) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(binary), "capture")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, uid, uid); err != nil {
		t.Fatal(err)
	}
	return dir
}
