package sockopt

import (
	"bufio"
	"cmp"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What linux/tcp.h defines in the shape of an option and is none.
var notTCPOptions = map[string]string{
	"TCP_REPAIR_ON":        "a value of TCP_REPAIR",
	"TCP_REPAIR_OFF":       "a value of TCP_REPAIR",
	"TCP_REPAIR_OFF_NO_WP": "a value of TCP_REPAIR",
	"TCP_MD5SIG_MAXKEYLEN": "a length",
	"TCP_AO_MAXKEYLEN":     "a length",
}

// What asm-generic/socket.h defines, and a TCP program has no use for.
var leftOut = map[string]string{
	"SO_BROADCAST":        "datagrams",
	"SO_NO_CHECK":         "datagrams",
	"SO_RXQ_OVFL":         "datagrams",
	"SO_TXTIME":           "datagrams: TCP times its own packets",
	"SO_WIFI_STATUS":      "packet sockets",
	"SO_NOFCS":            "packet sockets",
	"SO_PASSCRED":         "unix(7)",
	"SO_PEERCRED":         "unix(7)",
	"SO_PASSSEC":          "unix(7)",
	"SO_PASSPIDFD":        "unix(7)",
	"SO_PEERPIDFD":        "unix(7)",
	"SO_PASSRIGHTS":       "unix(7)",
	"SO_PEERGROUPS":       "unix(7)",
	"SO_INQ":              "unix(7)",
	"SO_PEERSEC":          "a security module's label, in its own format",
	"SO_PEERNAME":         "getpeername(2)",
	"SO_BSDCOMPAT":        "ignored since Linux 2.4",
	"SO_SELECT_ERR_QUEUE": "without use since Linux 4.16",

	"SO_SECURITY_AUTHENTICATION":       "never implemented",
	"SO_SECURITY_ENCRYPTION_TRANSPORT": "never implemented",
	"SO_SECURITY_ENCRYPTION_NETWORK":   "never implemented",

	"SO_ATTACH_FILTER":         "takes a program, not a value",
	"SO_DETACH_FILTER":         "takes a program, not a value",
	"SO_ATTACH_BPF":            "takes a program, not a value",
	"SO_ATTACH_REUSEPORT_CBPF": "takes a program, not a value",
	"SO_ATTACH_REUSEPORT_EBPF": "takes a program, not a value",
	"SO_DETACH_REUSEPORT_BPF":  "takes a program, not a value",
	"SO_BPF_EXTENSIONS":        "about the kernel, not the socket",

	"SO_DEVMEM_LINEAR":   "a control message",
	"SO_DEVMEM_DMABUF":   "a control message",
	"SO_DEVMEM_DONTNEED": "a part of device memory's API, of no use by itself",
}

func TestCompleteAgainstTCPHeader(t *testing.T) {
	options := headerOptions(t, cmp.Or(os.Getenv("TCPLAB_TCP_H"), "/usr/include/linux/tcp.h"), "TCP_")
	compareWithHeader(t, options, notTCPOptions)
}

func TestCompleteAgainstSocketHeader(t *testing.T) {
	options := headerOptions(t, cmp.Or(os.Getenv("TCPLAB_SOCKET_H"), "/usr/include/asm-generic/socket.h"), "SO_")
	for _, n := range []string{"TIMESTAMP", "TIMESTAMPNS", "TIMESTAMPING", "RCVTIMEO", "SNDTIMEO"} {
		// Numbered twice, for the two sizes of time_t: SO_X is the one or the other.
		delete(options, "SO_"+n+"_NEW")
		delete(options, "SO_"+n+"_OLD")
		options["SO_"+n] = 0
	}
	for name := range options {
		options[name] = 0 // the numbers differ between architectures
	}
	compareWithHeader(t, options, leftOut)
}

func compareWithHeader(t *testing.T, options map[string]int, exceptions map[string]string) {
	t.Helper()
	for name, number := range options {
		found := Find(name)
		ok := len(found) == 1
		switch why := exceptions[name]; {
		case !ok && why == "":
			t.Errorf("%s (%d) is neither in the catalogue nor an exception", name, number)
		case ok && why != "":
			t.Errorf("%s is in the catalogue and an exception", name)
		case ok && number != 0 && found[0].Number != number:
			t.Errorf("%s is %d, not %d", name, number, found[0].Number)
		}
	}
}

var define = regexp.MustCompile(`^#define\s+(\w+)\s+(-?\d+)\b(?:\s*/\*.*)?\s*$`)

// headerOptions are the names that a header defines as a plain decimal number.
func headerOptions(t *testing.T, path, prefix string) map[string]int {
	t.Helper()
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the kernel's headers are not installed: %v", err)
	}
	must(t, "open", err)
	defer f.Close()
	found := map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		m := define.FindStringSubmatch(lines.Text())
		if m != nil && strings.HasPrefix(m[1], prefix) {
			found[m[1]], _ = strconv.Atoi(m[2])
		}
	}
	if len(found) < 30 {
		t.Fatalf("%s: only %d definitions: is it the header that it was?", path, len(found))
	}
	return found
}

// The installed header can be older than the list: the numbers have no gap
// otherwise.
func TestEveryTCPNumber(t *testing.T) {
	numbers := map[int]string{15: "TCP_COOKIE_TRANSACTIONS, removed in Linux 3.10"}
	for _, e := range All() {
		if e.Level == LevelTCP {
			numbers[e.Number] = e.Name
		}
	}
	for n := 1; n <= 46; n++ {
		if numbers[n] == "" {
			t.Errorf("number %d is not in the catalogue", n)
		}
	}
}
