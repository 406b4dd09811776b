package lab

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/stack"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
	"github.com/tcplab/tcplab/labs/machine"
	"github.com/tcplab/tcplab/labs/record"
)

// The hosts' names, in the record and before a sysctl's or a segment's name.
const (
	clientName = "client"
	serverName = "server"
)

// The hosts' networks are from the ranges for documentation (RFC 5737,
// RFC 3849), and exist in the private namespaces alone. The client's addresses
// are odd, the server's even.
var (
	network4 = netip.MustParsePrefix("192.0.2.0/24")
	network6 = netip.MustParsePrefix("2001:db8::/64")
)

// newHosts returns the lab's hosts, still to be made.
func (r *run) newHosts() []*stack.Host {
	names := []string{clientName, serverName}
	if r.lab.Alone {
		names = names[:1]
	}
	var hosts []*stack.Host
	for i, name := range names {
		var prefixes []netip.Prefix
		for n := range max(1, r.lab.Addresses) {
			prefixes = append(prefixes, address(r.options.IPv6, 1+i+2*n))
		}
		if r.lab.BothFamilies {
			prefixes = append(prefixes, address(!r.options.IPv6, 1+i))
		}
		r.sysctls[name] = map[string]string{}
		hosts = append(hosts, stack.New(name, prefixes...))
	}
	return hosts
}

// address is the nth address of the hosts' network.
func address(ipv6 bool, n int) netip.Prefix {
	network := network4
	if ipv6 {
		network = network6
	}
	b := network.Addr().AsSlice()
	b[len(b)-1] = byte(n)
	a, _ := netip.AddrFromSlice(b) // it has the length of an address
	return netip.PrefixFrom(a, network.Bits())
}

// settleArgs makes the arguments of knobs that turn a sysctl what the kernel made
// of them: "8", where "010" was given.
func (r *run) settleArgs() {
	for _, k := range r.lab.Knobs {
		if side, key, _ := strings.Cut(k.Sysctl, ":"); r.args[k.Name] != "" && k.Sysctl != "" {
			r.args[k.Name] = r.sysctls[side][key]
		}
	}
}

// configure sets a host's sysctls: the pinned ones, then the user's. All of
// them, and those that the lab reads, go into the record as read back. It is
// called for all hosts at once.
func (r *run) configure(h *stack.Host) error {
	values := r.sysctls[h.Name]
	if err := r.pin(h, values); err != nil {
		return err
	}
	for _, s := range slices.Concat(r.knobSysctls(), r.options.Sysctls) {
		if s.Side != "" && s.Side != h.Name {
			if r.lab.Alone {
				return usage("%s: %s has one host, the client", s.flag, r.lab.Name)
			}
			continue
		}
		if err := sysctl.Write(s.Key, s.Value); err != nil {
			return refused(s, err)
		}
		now, err := sysctl.Read(s.Key)
		if err != nil {
			return refused(s, err)
		}
		values[s.Key] = now
	}
	for _, name := range r.reads() {
		side, key, _ := strings.Cut(name, ":")
		if side != h.Name {
			continue
		}
		now, err := sysctl.Read(key)
		if errors.Is(err, sysctl.ErrUnknown) {
			continue
		}
		if err != nil {
			return h.Wrap(fmt.Errorf("%s: %w", key, err))
		}
		values[key] = now
	}
	return nil
}

// pin gives a host the pinned sysctls or, where the user wants that, this machine's
// own.
func (r *run) pin(h *stack.Host, values map[string]string) error {
	if !r.options.HostSysctls {
		return h.Pin(values)
	}
	var no *stack.RefusedError
	err := h.Adopt(r.own, values)
	if errors.As(err, &no) && !r.given(h.Name, no.Key) {
		return usage("--host-sysctls: %v; give another with --sysctl", no)
	}
	return err
}

// given reports whether the user has said what a host's sysctl is to be.
func (r *run) given(host, key string) bool {
	return slices.ContainsFunc(slices.Concat(r.knobSysctls(), r.options.Sysctls), func(s Sysctl) bool {
		return s.Key == key && (s.Side == "" || s.Side == host)
	})
}

// Sysctls returns the keys of the sysctls that labs turn or read.
func Sysctls(labs []*Lab) []string {
	var keys []string
	for _, l := range labs {
		for _, name := range l.Reads {
			keys = append(keys, name[strings.Index(name, ":")+1:])
		}
		for _, k := range l.Knobs {
			if k.Sysctl != "" {
				keys = append(keys, k.Sysctl[strings.Index(k.Sysctl, ":")+1:])
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// knobSysctls are the settings that the lab's own flags make, given or not.
func (r *run) knobSysctls() []Sysctl {
	var settings []Sysctl
	for _, k := range r.lab.Knobs {
		value, ok := r.args[k.Name]
		if !ok {
			value = k.Pinned
		}
		if value != "" && k.Sysctl != "" {
			side, key, _ := strings.Cut(k.Sysctl, ":")
			settings = append(settings, Sysctl{Side: side, Key: key, Value: value, flag: "--" + k.Name + " " + value})
		}
	}
	return settings
}

// tellPinned records what the lab's own flags pin: to a reader it is as if the story set
// it. Of what the user has said the command tells, and a flag that Check would refuse is no
// part of this run.
func (r *run) tellPinned() {
	for _, k := range r.lab.Knobs {
		if k.Pinned == "" {
			continue
		}
		side, key, _ := strings.Cut(k.Sysctl, ":")
		said := slices.ContainsFunc(r.options.Sysctls, func(s Sysctl) bool {
			return s.Key == key && (s.Side == "" || s.Side == side)
		})
		_, given := r.args[k.Name]
		asked := maps.Clone(r.args)
		asked[k.Name] = k.Pinned
		if !given && !said && (r.lab.Check == nil || r.lab.Check(asked) == nil) {
			r.add(&record.Call{Host: side, Call: "sysctl", Args: []string{key + "=" + r.sysctls[side][key]}, Result: "0"})
		}
	}
}

// reads are the sysctls that the record holds though nobody set them.
func (r *run) reads() []string {
	names := slices.Clone(r.lab.Reads)
	for _, k := range r.lab.Knobs {
		if k.Sysctl != "" {
			names = append(names, k.Sysctl)
		}
	}
	return names
}

// refused says what was wrong with a sysctl that the user has asked for.
func refused(s Sysctl, err error) error {
	switch {
	case errors.Is(err, sysctl.ErrUnknown):
		return usage("%s: %s: %v", s.flag, s.Key, err)
	case errors.Is(err, sysctl.ErrReadOnly):
		return usage("%s: %s: %v", s.flag, s.Key, err)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EPERM):
		return usage("%s: the kernel refuses %q for %s: want %s", s.flag, s.Value, s.Key, sysctl.Allowed(s.Key))
	}
	return usage("%s: %v", s.flag, err)
}

// CheckConnections refuses the number n of a flag where the sockets and
// connections that it takes are more than one run can have. Each of n takes as
// many sockets as each says. Every socket takes a descriptor, of which there are
// as many as the hard limit allows, and every connection one of the client's
// pinned ports. Where there is no room for one of n the error is a
// *machine.MissingError.
func CheckConnections(flag string, n, each, sockets, connections int) error {
	limit, err := machine.Descriptors()
	if err != nil {
		return err
	}
	needed := sockets + machine.Spare
	tooMany := max((needed-limit+each-1)/each, connections-maxConnections)
	switch {
	case tooMany <= 0:
		return nil
	case n <= tooMany:
		return machine.MissingDescriptors(needed-each*(n-1), limit)
	}
	return &UsageError{fmt.Sprintf("--%s %d: at most %d fit (ulimit -n allows %d descriptors, and there are %d client ports)",
		flag, n, n-tooMany, limit, maxConnections), machine.MissingDescriptors(needed, limit)}
}
