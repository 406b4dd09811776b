package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/internal/sysctl"
	"github.com/tcplab/tcplab/labs/internal/tun"
	"github.com/tcplab/tcplab/labs/internal/wire"
)

// The hosts' names, in the record and before a sysctl's or a segment's name.
const (
	clientName = "client"
	serverName = "server"
)

// device is the name of each host's interface to the wire.
const device = "wire0"

// The hosts' addresses are from the ranges for documentation (RFC 5737,
// RFC 3849), and exist in the private namespaces alone.
var (
	addresses4 = map[string]netip.Prefix{
		clientName: netip.MustParsePrefix("192.0.2.1/24"), serverName: netip.MustParsePrefix("192.0.2.2/24"),
	}
	addresses6 = map[string]netip.Prefix{
		clientName: netip.MustParsePrefix("2001:db8::1/64"), serverName: netip.MustParsePrefix("2001:db8::2/64"),
	}
)

// pinned are the sysctls that decide behaviour and that a distribution, or
// another kernel's defaults, would change under a lab. One that the kernel does
// not have is left out: what depends on it reads it.
var pinned = []Sysctl{
	{Key: "net.ipv4.tcp_abort_on_overflow", Value: "0"},
	{Key: "net.ipv4.tcp_congestion_control", Value: "reno"}, // the one that is always there
	{Key: "net.ipv4.tcp_early_retrans", Value: "0"},         // no tail loss probes before the RTO
	{Key: "net.ipv4.tcp_ecn", Value: "2"},
	{Key: "net.ipv4.tcp_fin_timeout", Value: "60"},
	{Key: "net.ipv4.tcp_no_metrics_save", Value: "1"}, // no connection inherits another's RTT
	{Key: "net.ipv4.tcp_orphan_retries", Value: "3"},  // for whoever kills a run after a close: see ARCHITECTURE.md
	{Key: "net.ipv4.tcp_retries2", Value: "15"},
	{Key: "net.ipv4.tcp_rfc1337", Value: "0"},
	{Key: "net.ipv4.tcp_rmem", Value: "4096 131072 6291456"}, // decides the window scale
	{Key: "net.ipv4.tcp_sack", Value: "1"},
	{Key: "net.ipv4.tcp_syn_linear_timeouts", Value: "4"},
	{Key: "net.ipv4.tcp_syn_retries", Value: "6"},
	{Key: "net.ipv4.tcp_synack_retries", Value: "5"},
	{Key: "net.ipv4.tcp_syncookies", Value: "1"},
	{Key: "net.ipv4.tcp_timestamps", Value: "1"},
	{Key: "net.ipv4.tcp_tw_reuse", Value: "2"},
	{Key: "net.ipv4.tcp_window_scaling", Value: "1"},
	{Key: "net.ipv4.tcp_wmem", Value: "4096 16384 4194304"},
}

// silence keeps IPv6 from talking by itself on an interface made after it. Where
// the run is on IPv4 there is no IPv6 at all.
var (
	silence4 = []Sysctl{{Key: "net.ipv6.conf.default.disable_ipv6", Value: "1"}}
	silence6 = []Sysctl{
		{Key: "net.ipv6.conf.default.addr_gen_mode", Value: "1"}, // no link-local address
		{Key: "net.ipv6.conf.default.accept_ra", Value: "0"},
		{Key: "net.ipv6.conf.default.router_solicitations", Value: "0"},
	}
)

// setUp makes the hosts and the wire between them. Making a namespace takes the
// kernel a millisecond or two, so each host is made by a thread of its own.
func (r *run) setUp() error {
	names := []string{clientName, serverName}
	if r.lab.Alone {
		names = names[:1]
	}
	for i, name := range names {
		r.hosts = append(r.hosts, r.newHost(i, name))
	}
	if err := r.describe(); err != nil {
		return err
	}
	if r.options.Trace {
		var err error
		if r.trace, err = r.newTrace(); err != nil {
			return err
		}
	}
	if err := r.makeHosts(); err != nil {
		return err
	}
	for _, k := range r.lab.Knobs { // "8", where "010" was given
		if side, key, _ := strings.Cut(k.Sysctl, ":"); r.args[k.Name] != "" && k.Sysctl != "" {
			r.args[k.Name] = r.environment.Sysctls[side][key]
		}
	}
	ports := make([]wire.Port, len(r.hosts))
	for i, h := range r.hosts {
		h.instruments = instruments{h.tun, h.diag.Get}
		if r.options.faulty != nil {
			r.options.faulty(h.name, &h.instruments)
		}
		ports[i] = wire.Port{Device: h.device, Addr: h.addr}
	}
	r.wire = wire.New(r.cancel, ports...)
	r.script = &Script{Client: r.hosts[0], run: r}
	r.script.Wire = &Wire{run: r}
	if !r.lab.Alone {
		r.script.Server = r.hosts[1]
	}
	return nil
}

// makeHosts makes all hosts at once and returns the first host's error.
func (r *run) makeHosts() error {
	errs := make([]error, len(r.hosts))
	var made sync.WaitGroup
	for i, h := range r.hosts {
		made.Go(func() {
			netns.Do(func(t *netns.Thread) { errs[i] = h.make(t) })
		})
	}
	made.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// newHost returns a host that is still to be made.
func (r *run) newHost(index int, name string) *Host {
	h := &Host{
		run: r, index: index, name: name, prefix: addresses4[name], nextPort: firstPort,
		ends: map[pair]*End{}, socks: map[int]*Sock{},
	}
	if r.options.IPv6 {
		h.prefix = addresses6[name]
	}
	h.addr = h.prefix.Addr()
	return h
}

// make makes the host's namespace, with its interface up and its sysctls set.
func (h *Host) make(t *netns.Thread) (err error) {
	if h.ns, err = t.New(); err != nil {
		return missing(err)
	}
	silence := silence4
	if h.addr.Is6() {
		silence = silence6
	}
	for _, s := range silence {
		err := sysctl.Write(s.Key, s.Value)
		switch {
		case err == nil, errors.Is(err, sysctl.ErrUnknown) && h.addr.Is4():
		case errors.Is(err, sysctl.ErrUnknown):
			return &MissingError{"--ipv6 needs IPv6", "boot without ipv6.disable=1", err}
		default:
			return fmt.Errorf("%s: %s: %w", h.name, s.Key, err)
		}
	}
	if h.tun, err = tun.Open(device); err != nil {
		return missing(err)
	}
	if err := plugIn(h.prefix); err != nil {
		return fmt.Errorf("%s: %s: %w", h.name, device, err)
	}
	if h.diag, err = sockdiag.Open(); err != nil {
		return missing(err)
	}
	return h.configure()
}

// plugIn gives the interface its address and brings it up.
func plugIn(prefix netip.Prefix) error {
	nl, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer nl.Close()
	link, err := nl.LinkByName(device)
	if err != nil {
		return err
	}
	// Without a queueing discipline a packet is on the wire when the call that
	// sends it returns, whatever the other processors do.
	none := &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_ROOT},
		QdiscType:  "noqueue",
	}
	if err := nl.QdiscReplace(none); err != nil {
		return fmt.Errorf("qdisc noqueue: %w", err)
	}
	addr := &netlink.Addr{IPNet: &net.IPNet{
		IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
	}}
	if prefix.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD // there is nobody to ask
	}
	if err := nl.AddrAdd(link, addr); err != nil {
		return fmt.Errorf("address %v: %w", prefix, err)
	}
	if err := nl.LinkSetUp(link); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	if prefix.Addr().Is6() {
		return takeIn(nl, link, addr.IP)
	}
	return nil
}

// takeIn adds the route that makes an IPv6 address the host's own. The kernel
// does so itself, but later, from a queue of work (addrconf_dad_work): until
// then it throws away what comes for the address.
func takeIn(nl *netlink.Handle, link netlink.Link, ip net.IP) error {
	own := &netlink.Route{
		LinkIndex: link.Attrs().Index, Dst: &net.IPNet{IP: ip, Mask: net.CIDRMask(128, 128)},
		Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL,
	}
	if err := nl.RouteAdd(own); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("route to %v: %w", ip, err)
	}
	return nil
}

// configure sets the host's sysctls: the pinned ones, then the user's. All of
// them, and those that the lab reads, go into the record as read back.
func (h *Host) configure() error {
	values := h.run.environment.Sysctls[h.name]
	for _, s := range pinned {
		now, err := sysctl.Read(s.Key)
		if errors.Is(err, sysctl.ErrUnknown) {
			continue
		}
		if err == nil && now != s.Value {
			err = sysctl.Write(s.Key, s.Value)
			if err == nil {
				now, err = sysctl.Read(s.Key)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", h.name, s.Key, err)
		}
		values[s.Key] = now
	}
	settings := slices.Concat(h.run.knobSysctls(), h.run.options.Sysctls)
	for _, s := range settings {
		if s.Side != "" && s.Side != h.name {
			if h.run.lab.Alone {
				return usage("%s: %s has one host, the client", s.flag, h.run.lab.Name)
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
	for _, name := range h.run.reads() {
		side, key, _ := strings.Cut(name, ":")
		if side != h.name {
			continue
		}
		now, err := sysctl.Read(key)
		if errors.Is(err, sysctl.ErrUnknown) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", h.name, key, err)
		}
		values[key] = now
	}
	return nil
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
