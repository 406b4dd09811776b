package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tcplab leaves a host as it was: one of the test's own, which no other process
// changes, so that everything can be compared. It has an interface, an address,
// routes, a firewall and a listener that are like those of the labs' own hosts.
func TestHostUntouched(t *testing.T) {
	t.Parallel()
	requireProgram(t, "nft")
	labs.orSkip(t)
	if inUserNamespace(t) {
		return
	}
	commands := []string{"all", "all --ipv6", "selfconnect --accident", "doctor"}
	for _, run := range programVictims() {
		commands = append(commands, run, strings.Replace(run, "run ", "run --fast ", 1))
	}
	for _, args := range commands {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			var before, after host
			err := elsewhere(0, openNode, func() (err error) {
				if err := makeHost(); err != nil {
					return err
				}
				if before, err = lookHere(); err != nil {
					return err
				}
				var exit *exec.ExitError
				_, err = tell(strings.Fields(args)...)
				// Neither a surprise nor a lab that the machine holds up is a matter here.
				if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1 && !heldUp(err, err.Error())) {
					return err
				}
				poll(func() bool { after, err = lookHere(); return err != nil || cmp.Equal(before, after) })
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("tcplab %s has changed the host (-before +after):\n%s", args, diff)
			}
		})
	}
}

// The look at a host sees what it is meant to see.
func TestHostLook(t *testing.T) {
	t.Parallel()
	requireProgram(t, "nft")
	labs.orSkip(t)
	if inUserNamespace(t) {
		return
	}
	var before, after host
	err := elsewhere(0, openNode, func() (err error) {
		if err := makeHost(); err != nil {
			return err
		}
		if before, err = lookHere(); err != nil {
			return err
		}
		if err := os.WriteFile("/proc/sys/net/ipv4/tcp_fin_timeout", []byte("7"), 0); err != nil {
			return err
		}
		if err := command("nft", "add chain inet labs another"); err != nil {
			return err
		}
		link, err := netlink.LinkByName("wire0")
		if err == nil {
			err = netlink.LinkSetDown(link) // and the routes go
		}
		if err != nil {
			return err
		}
		fd, err := listenOn(81)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Mount("tcplab-test", "/mnt", "tmpfs", 0, ""); err != nil {
			return os.NewSyscallError("mount /mnt", err)
		}
		after, err = lookHere()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var changed []string
	for what := range after {
		if after[what] != before[what] {
			changed = append(changed, what)
		}
	}
	slices.Sort(changed)
	// With the interface its address' routes go, so that nothing is missed.
	want := []string{"/proc/sys/net/ipv4/tcp_fin_timeout", "links", "mounts", "nftables", "routes", "sockets"}
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("changes that are seen (-want +got):\n%s", diff)
	}
}

// makeHost puts the calling thread on a host of its own, and things on that.
func makeHost() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	link := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "wire0"}, Mode: netlink.TUNTAP_MODE_TUN}
	if err := netlink.LinkAdd(link); err != nil {
		return fmt.Errorf("wire0: %w", err)
	}
	address := &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 0, 2, 1), Mask: net.CIDRMask(24, 32)}}
	if err := netlink.AddrAdd(link, address); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	if err := command("nft", "add table inet labs"); err != nil {
		return err
	}
	if err := command("nft", "add chain inet labs input { type filter hook input priority 0 ; policy accept ; }"); err != nil {
		return err
	}
	_, err := listenOn(80) // until the test ends
	return err
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return nil
}

func listenOn(port int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: port})
	}
	if err == nil {
		err = unix.Listen(fd, 1)
	}
	return fd, err
}

// A host is what can be seen of one, each thing under its name.
type host map[string]string

// lookHere looks at the host of its own that the calling thread is on.
func lookHere() (host, error) {
	h := host{}
	for what, see := range map[string]func() (string, error){
		"links": links, "routes": routes, "nftables": firewall, "sockets": sockets,
		"mounts": func() (string, error) { return fileText("/proc/thread-self/mountinfo") },
		"names":  names,
	} {
		text, err := see()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		h[what] = text
	}
	return h, h.sysctls()
}

func fileText(file string) (string, error) {
	text, err := os.ReadFile(file)
	return string(text), err
}

// names are the files by which names are resolved, in which a host of programs has others.
func names() (string, error) {
	var all strings.Builder
	for _, file := range []string{"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"} {
		info, err := os.Stat(file)
		if errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintln(&all, file, "is not there")
			continue
		}
		if err != nil {
			return "", err
		}
		text, err := fileText(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&all, file, info.ModTime(), info.Mode(), text)
	}
	return all.String(), nil
}

// restless are the sysctls of a host of its own that change whatever tcplab does:
// patterns of path/filepath, and why.
var restless = map[string]string{
	"/proc/sys/net/ipv4/tcp_a*_congestion_control": "the modules that the machine has loaded",
	"/proc/sys/net/ipv4/tcp_available_ulp":         "the same",
	"/proc/sys/net/ipv4/tcp_fastopen_key":          "a secret; made when it is first read",
}

// sysctls adds every file of /proc/sys/net that can be read, but for the restless.
// What else is in /proc/sys is the whole machine's, and tcplab has no path to it.
func (h host) sysctls() error {
	return filepath.WalkDir("/proc/sys/net", func(file string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // an interface's, which has gone meanwhile
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		for pattern := range restless {
			if is, err := filepath.Match(pattern, file); is || err != nil {
				return err
			}
		}
		if text, err := os.ReadFile(file); err == nil { // some can only be written
			h[file] = string(text)
		}
		return nil
	})
}

func links() (string, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return "", err
	}
	var lines []string
	for _, l := range all {
		a := l.Attrs()
		// Whether there is a carrier comes and goes by itself.
		lines = append(lines, fmt.Sprintf("%d %s %s mtu %d %v %v", a.Index, l.Type(), a.Name, a.MTU, a.HardwareAddr, a.Flags&^net.FlagRunning))
		addresses, err := netlink.AddrList(l, netlink.FAMILY_ALL)
		if err != nil {
			return "", err
		}
		for _, a := range addresses {
			lines = append(lines, "  "+a.IPNet.String())
		}
	}
	return strings.Join(lines, "\n"), nil
}

// routes are those of all tables, and the rules that choose between them.
func routes() (string, error) {
	var lines []string
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		all, err := netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return "", err
		}
		for _, r := range all {
			lines = append(lines, fmt.Sprintf("table %d: type %d %v from %v via %v dev %d metric %d", r.Table, r.Type, r.Dst, r.Src, r.Gw, r.LinkIndex, r.Priority))
		}
		rules, err := netlink.RuleList(family)
		if err != nil {
			return "", err
		}
		for _, r := range rules {
			lines = append(lines, fmt.Sprintf("rule %d: %v", r.Priority, r))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

// firewall is the rules of nftables, without their counters.
func firewall() (string, error) {
	out, err := exec.Command("nft", "--stateless", "list", "ruleset").Output()
	return string(out), err
}

// sockets are the addresses and states of all TCP sockets.
func sockets() (string, error) {
	var lines []string
	for _, file := range []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"} {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 3 {
				lines = append(lines, strings.Join(f[1:4], " "))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}
