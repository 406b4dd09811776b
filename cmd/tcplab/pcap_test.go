package main

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket/pcapgo"

	catalogue "github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/record"
)

// A capture has each segment of the run once as it was sent or, with --pcap-side both,
// also each time that it arrived, and a comment on each; and Wireshark has nothing to
// complain of.
func TestCapture(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	for _, args := range []string{
		"handshake", "lostsyn", "lostfin --ipv6", "selfconnect", "simclose", "nolisten --ipv6", "backlog --n 3", "timewait",
		"backlog --n 3 --pcap-side both", "simclose --pcap-side client", "timewait --pcap-side server",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			live, saved := filepath.Join(t.TempDir(), "live"), filepath.Join(t.TempDir(), "saved")
			text, err := tell(append(strings.Fields(args), "--json", "--pcap", live)...)
			if err != nil {
				t.Fatal(err)
			}
			side := ""
			if _, given, ok := strings.Cut(args, "--pcap-side "); ok {
				side = given
			}
			show := exec.Command(binary, "show", "-", "--quiet", "--pcap", saved, "--pcap-side", side)
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
			if diff := gocmp.Diff(wantPackets(&r, side), hostsOf(got)); diff != "" {
				t.Errorf("packets (-want +got):\n%s", diff)
			}
			tsharkReads(t, live, got)
		})
	}
}

// wantPackets are the names of the hosts that see a packet, in the order of time: of
// the sender, and of the receiver where it arrives.
func wantPackets(r *record.Run, side string) (hosts []string) {
	type sight struct {
		at   time.Duration
		host string
	}
	var all []sight
	sent := map[int]bool{}
	for _, e := range r.Events {
		s, ok := e.Body.(*record.Segment)
		if !ok {
			continue
		}
		if !sent[s.ID] && !s.Forged {
			all = append(all, sight{s.SentAt, s.From})
		}
		sent[s.ID] = true
		if (side != "" || s.Forged) && (s.Fate == record.Delivered || s.Fate == record.Injected) {
			all = append(all, sight{e.At, s.To})
		}
	}
	slices.SortStableFunc(all, func(a, b sight) int { return cmp.Compare(a.at, b.at) })
	for _, s := range all {
		if side == "" || side == "both" || side == s.host {
			hosts = append(hosts, s.host)
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
		"-T", "fields", "-E", "separator=/s", "-e", "frame.interface_name", "-e", "ip.checksum.status", "-e", "tcp.checksum.status",
		"-e", "_ws.malformed", "-e", "_ws.expert.severity", "-e", "frame.comment")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	complaints := strings.ReplaceAll(stderr.String(), "Running as user \"root\" and group \"root\". This could be dangerous.\n", "")
	if err != nil || complaints != "" {
		t.Errorf("tshark: %v: %s", err, complaints)
	}
	// 1: the checksum is good; IPv6 has none. An expert has much to say of packets
	// that are lost, all of it milder than an error.
	line := regexp.MustCompile(`(?m)^(\w+) 1? 1  ([\d,]*) (.*)$`)
	var got []packet
	for _, f := range line.FindAllStringSubmatch(string(out), -1) {
		for severity := range strings.SplitSeq(f[2], ",") {
			if n, _ := strconv.Atoi(severity); n >= wiresharkError {
				t.Errorf("tshark finds wrong: %s", f[0])
			}
		}
		got = append(got, packet{f[1], f[3]})
	}
	if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(packet{})); diff != "" {
		t.Errorf("tshark (-want +got):\n%s\n%s", diff, out)
	}
}

// Wireshark calls only that a retransmission, or a duplicate ACK, which a kernel has
// sent before.
func TestCaptureNoFalseAlarm(t *testing.T) {
	t.Parallel()
	labs.orSkip(t)
	tshark := requireProgram(t, "tshark")
	for _, l := range catalogue.All() {
		t.Run(l.Name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "capture")
			text, err := tell(l.Name, "--json", "--pcap", file)
			if err != nil {
				t.Fatal(err)
			}
			var r record.Run
			if err := r.UnmarshalJSON(text); err != nil {
				t.Fatal(err)
			}
			data, acks := repeated(&r)
			for _, alarm := range []struct {
				filter string
				before map[string]bool
			}{{"tcp.analysis.retransmission", data}, {"tcp.analysis.duplicate_ack", acks}} {
				out, err := exec.Command(tshark, "-r", file, "-Y", alarm.filter, "-T", "fields", "-e", "frame.packet_id").Output()
				if err != nil {
					t.Fatal(err)
				}
				for id := range strings.FieldsSeq(string(out)) {
					if !alarm.before[id] {
						t.Errorf("%s of packet %s, which is the first of its kind", alarm.filter, id)
					}
				}
			}
		})
	}
}

// repeated are the IDs of the segments whose first sequence number its sender has sent
// before, if in the midst of a larger segment, and of those whose acknowledgement
// number it has. After a forged segment Wireshark goes by numbers that the sender does
// not know of, and may say of anything that it comes again.
func repeated(r *record.Run) (data, acks map[string]bool) {
	type number struct {
		src, dst netip.AddrPort
		n        uint32
	}
	type span struct{ from, to uint32 }
	data, acks = map[string]bool{}, map[string]bool{}
	spans, numbers, known := map[[2]netip.AddrPort][]span{}, map[number]int{}, map[int]bool{}
	forged := map[[2]netip.AddrPort]bool{}
	var sent []*record.Segment
	for _, e := range r.Events {
		if s, ok := e.Body.(*record.Segment); ok && !known[s.ID] {
			known[s.ID] = true
			sent = append(sent, s)
		}
	}
	slices.SortFunc(sent, func(a, b *record.Segment) int { return a.ID - b.ID })
	for _, s := range sent {
		way, ack := [2]netip.AddrPort{s.Src, s.Dst}, number{s.Src, s.Dst, s.Ack}
		forged[way] = forged[way] || s.Forged
		if s.Len > 0 || strings.Contains(s.Flags, "SYN") || strings.Contains(s.Flags, "FIN") {
			data[strconv.Itoa(s.ID)] = forged[way] || slices.ContainsFunc(spans[way], func(b span) bool { return b.from <= s.Seq && s.Seq < b.to })
			spans[way] = append(spans[way], span{s.Seq, s.Seq + uint32(max(s.Len, 1))})
		}
		if strings.Contains(s.Flags, "ACK") {
			acks[strconv.Itoa(s.ID)] = numbers[ack] > 0
			numbers[ack]++
		}
	}
	return data, acks
}

// wiresharkError is PI_ERROR of Wireshark's epan/proto.h.
const wiresharkError = 0x800000

// A run that is cut short while it waits for a timer leaves a file that has all
// until then.
func TestCaptureCutShort(t *testing.T) {
	t.Parallel()
	accounts.orSkip(t)
	for _, u := range allAccounts() {
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
				want := []packet{{"client", "sent, lost on the wire. client SYN_SENT (SYN not acked, retransmit timer), server LISTEN (queue 0 of 16)"}}
				if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(packet{})); diff != "" {
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
