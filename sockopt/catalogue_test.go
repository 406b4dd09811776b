package sockopt

import (
	"errors"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCatalogueHasEachOptionOnce(t *testing.T) {
	type number struct {
		Level
		int
	}
	names, numbers := map[string]bool{}, map[number]string{}
	for _, e := range All() {
		n := number{e.Level, e.Number}
		if names[e.Name] || numbers[n] != "" {
			t.Errorf("%s is there twice, or has the number of %s", e.Name, numbers[n])
		}
		names[e.Name], numbers[n] = true, e.Name
	}
}

var goLink = regexp.MustCompile(`\[[A-Z]`)

// Every option has its page of the manual, and says where what it says is from.
func TestEveryOptionIsDocumented(t *testing.T) {
	since := regexp.MustCompile(`^≤?\d\.\d+(\.\d+)?$`)
	source := regexp.MustCompile(`(?s)(tcp|ip|ipv6|socket)\(7\)|\w+_\w+|ip-sysctl[^.]*\.\s*$`)
	for _, e := range All() {
		doc := e.Doc()
		if e.Ident() == "" || !strings.HasPrefix(doc, e.Ident()+" ("+e.Name+") ") {
			t.Errorf("%s: the comment does not begin with the names: %.40q", e.Name, doc)
			continue
		}
		paragraphs := strings.Split(strings.TrimSpace(doc), "\n\n")
		if last := paragraphs[len(paragraphs)-1]; !source.MatchString(strings.ReplaceAll(last, e.Name, "")) {
			t.Errorf("%s: no source in %q", e.Name, last)
		}
		if s := e.Summary(); s == "" || strings.Contains(s, "\n") || strings.HasPrefix(s, e.Name) {
			t.Errorf("%s: summary %q", e.Name, s)
		}
		if text := strings.Join(e.Manual(), "\n"); !strings.HasPrefix(text, e.Name+" ") || goLink.MatchString(text) {
			t.Errorf("%s: manual %q", e.Name, text)
		}
		if !since.MatchString(e.Since) {
			t.Errorf("%s: since %q", e.Name, e.Since)
		}
		if e.Needs != "" && !strings.HasPrefix(e.Needs, "CAP_") {
			t.Errorf("%s: needs %q", e.Name, e.Needs)
		}
	}
}

func TestSysctlsExist(t *testing.T) {
	for _, e := range All() {
		if e.Sysctl == "" || e.Sysctl == "net.core.busy_read" { // in the initial network namespace alone
			continue
		}
		if _, err := os.Stat(sysctlPath(e.Sysctl)); err != nil {
			fd := tcpSocket(t, unix.AF_INET6)
			if _, err := e.Text(fd); StatusOf(err) != Unsupported {
				t.Errorf("%s: no sysctl %s", e.Name, e.Sysctl)
			}
		}
	}
}

// Every option that can be set is set in a trial, or in a test of its own.
func TestEverySettableOptionIsTried(t *testing.T) {
	var tried []string
	for _, trial := range slices.Concat(socketTrials, tcpTrials, ipTrials) {
		tried = append(tried, trial.option)
	}
	elsewhere := map[string]string{
		"SO_RCVBUF":            "TestBufferSizesAreDoubled",
		"SO_SNDBUF":            "TestBufferSizesAreDoubled",
		"SO_RCVBUFFORCE":       "TestWithPrivilege",
		"SO_SNDBUFFORCE":       "TestWithPrivilege",
		"SO_CNX_ADVICE":        "TestIncomingCPUAndAdvice",
		"TCP_FASTOPEN_CONNECT": "TestFastOpenConnectFollowsTheSysctl",
		"TCP_MD5SIG":           "TestMD5SignedConnection",
		"TCP_MD5SIG_EXT":       "TestMD5SignedConnection",
		"TCP_AO_ADD_KEY":       "TestTCPAO",
		"TCP_AO_DEL_KEY":       "TestTCPAO",
		"TCP_AO_INFO":          "TestTCPAO",
		"TCP_AO_REPAIR":        "TestWireFormats: it takes a kernel with TCP-AO and a repaired connection",
	}
	for _, e := range All() {
		if e.Settable && !slices.Contains(tried, e.Name) && elsewhere[e.Name] == "" {
			t.Errorf("%s is not tried", e.Name)
		}
	}
}

// An entry does what Get, Set and Ask do, and refuses a value of another type.
func TestEntries(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	for _, e := range All() {
		if (e.Value != nil) != e.Settable || (e.Question != nil) != e.Query {
			t.Errorf("%s: value %v, question %v", e.Name, e.Value, e.Question)
		}
		type other struct{}
		if err := e.Set(fd, other{}); err == nil || errors.Is(err, ErrNoSet) == e.Settable {
			t.Errorf("%s: set: %v", e.Name, err)
		}
		switch v, err := e.Get(fd, other{}); {
		case !e.Readable && !e.Query:
			if !errors.Is(err, ErrNoGet) {
				t.Errorf("%s: get: %v", e.Name, err)
			}
		case e.Query && err == nil:
			t.Errorf("%s: asked with another type's value, it answers %v", e.Name, v)
		case err == nil && e.Settable && reflect.TypeOf(v) != e.Value:
			t.Errorf("%s: %T, want %v", e.Name, v, e.Value)
		}
	}
	idle := Find("TCP_KEEPIDLE")[0]
	if err := idle.Set(fd, 77); err != nil {
		t.Fatal(err)
	}
	if v, err := idle.Get(fd, nil); err != nil || v != 77 {
		t.Errorf("%v, %v", v, err)
	}
}

// A table of all options can be made of any socket: what can't be read says
// why.
func TestTextOfEveryOption(t *testing.T) {
	client, server := connection(t)
	l, _ := listener(t)
	for _, fd := range []int{tcpSocket(t, unix.AF_INET), tcpSocket(t, unix.AF_INET6), l, client, server} {
		for _, e := range All() {
			text, err := e.Text(fd)
			switch {
			case err == nil && (!e.Readable || text == ""):
				t.Errorf("%s: %q", e.Name, text)
			case err != nil && !errors.Is(err, ErrNoGet) && StatusOf(err) == Supported:
				t.Errorf("%s: %v", e.Name, err)
			case err != nil && !errors.Is(err, ErrNoGet) && !strings.HasPrefix(err.Error(), e.Name+": "):
				t.Errorf("%s: %v", e.Name, err)
			}
		}
	}
}

// Reading all options of a connection for a table must not change it, but for
// the two that say so.
func TestProbesAreHarmless(t *testing.T) {
	client, _ := connection(t)
	values := func() map[string]string {
		m := map[string]string{}
		for _, e := range All() {
			if text, err := e.Text(client); err == nil && e.Name != "TCP_INFO" && e.Name != "TCP_TIMESTAMP" {
				m[e.Name] = text
			}
		}
		return m
	}
	before := values()
	for name, after := range values() {
		if before[name] != after {
			t.Errorf("%s was %s, is %s", name, before[name], after)
		}
	}
	if s := get(t, client, Info).State; s != StateEstablished {
		t.Errorf("state %v", s)
	}
}

func TestFind(t *testing.T) {
	for name, want := range map[string]string{
		"TCP_NODELAY": "TCP_NODELAY", "tcp_nodelay": "TCP_NODELAY", "NoDelay": "TCP_NODELAY",
		"linger": "SO_LINGER", "linger2": "TCP_LINGER2", "v6only": "IPV6_V6ONLY",
		"SO_ORIGINAL_DST": "SO_ORIGINAL_DST", "mtu": "IP_MTU IPV6_MTU",
		"timestamp": "SO_TIMESTAMP TCP_TIMESTAMP", "nosuch": "", "": "",
	} {
		var got []string
		for _, e := range Find(name) {
			got = append(got, e.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: found %v", name, got)
		}
	}
}

func TestStatusOf(t *testing.T) {
	nosuch := Spec{Name: "TCP_NOSUCH", Level: LevelTCP, Number: 9999}
	fd := tcpSocket(t, unix.AF_INET)
	_, err := Get(fd, ReadOnly[int]{nosuch, integer})
	if StatusOf(err) != Unsupported || err.Error() != "TCP_NOSUCH: getsockopt: protocol not available" {
		t.Errorf("an unknown option: %v is %v", err, StatusOf(err))
	}
	if _, err := Get(fd, IPMTU); StatusOf(err) != Refused {
		t.Errorf("%v is %v", err, StatusOf(err))
	}
	if _, err := Get(fd, IPv6V6Only); StatusOf(err) != Unsupported {
		t.Errorf("an IPv6 option of an IPv4 socket: %v is %v", err, StatusOf(err))
	}
	if _, err := Get(-1, NoDelay); !errors.Is(err, unix.EBADF) || StatusOf(err) != Refused {
		t.Errorf("%v is %v", err, StatusOf(err))
	}
	if StatusOf(nil) != Supported {
		t.Error("no error is not supported")
	}
}

// What must not compile does not: each line of testdata/misuse that ends in
// "// wrong" is an error, and no other is.
func TestMisuseDoesNotCompile(t *testing.T) {
	if err := exec.Command("go", "list", ".").Run(); err != nil {
		t.Skipf("no go command, or no source: %v", err)
	}
	source, err := os.ReadFile("testdata/misuse/misuse.go")
	must(t, "read", err)
	var want []string
	for i, line := range strings.Split(string(source), "\n") {
		if strings.HasSuffix(line, "// wrong") {
			want = append(want, "misuse.go:"+integer.text(i+1)+":")
		}
	}
	out, err := exec.Command("go", "build", "-gcflags=-e", "./testdata/misuse").CombinedOutput()
	if err == nil {
		t.Fatal("it compiled")
	}
	got := regexp.MustCompile(`misuse\.go:\d+:`).FindAllString(string(out), -1)
	if !slices.Equal(want, slices.Compact(got)) {
		t.Errorf("want errors at %v, got:\n%s", want, out)
	}
}
