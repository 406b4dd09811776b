package stack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// queueLength is room for what thousands of timers send in one wait: of the packets
// that the wire has still to take. What finds it full is lost (tun_net_xmit). Stable
// kernels of 2026 take no more than S16_MAX (dev_change_tx_queue_len).
const queueLength = 32767

// segmentsAtOnce is how many segments TCP may give to the interface as one packet,
// which is cut there. Where it may be several, how many they are goes by the pacing
// rate and the least round-trip time, so by how fast the machine is, and the last of
// them has PSH (tcp_tso_autosize, __tcp_transmit_skb).
const segmentsAtOnce = 1

// A change is one request to rtnetlink(7), and what an error calls it.
type change struct {
	what        string
	kind, flags int
	body        []nl.NetlinkRequestData
}

// plugIn gives the interface its addresses and brings it up.
func (h *Host) plugIn() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(Interface)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr); err != nil {
		return os.NewSyscallError("ioctl SIOCGIFINDEX", err)
	}
	index := int32(ifr.Uint32())

	// Without a queueing discipline a packet is on the wire when the call that
	// sends it returns, whatever the other processors do.
	changes := []change{{"qdisc noqueue", unix.RTM_NEWQDISC, unix.NLM_F_CREATE | unix.NLM_F_REPLACE, []nl.NetlinkRequestData{
		&nl.TcMsg{Ifindex: index, Parent: netlink.HANDLE_ROOT},
		nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("noqueue")),
	}}}
	for _, prefix := range h.Prefixes {
		changes = append(changes, address(index, prefix))
	}
	up := nl.NewIfInfomsg(unix.AF_UNSPEC)
	up.Index, up.Flags, up.Change = index, unix.IFF_UP, unix.IFF_UP
	body := []nl.NetlinkRequestData{up, nl.NewRtAttr(unix.IFLA_TXQLEN, nl.Uint32Attr(queueLength))}
	if !h.Offload {
		body = append(body, nl.NewRtAttr(unix.IFLA_GSO_MAX_SEGS, nl.Uint32Attr(segmentsAtOnce)))
	}
	changes = append(changes, change{"up", unix.RTM_NEWLINK, 0, body})
	for _, prefix := range h.Prefixes {
		if prefix.Addr().Is6() {
			changes = append(changes, takeIn(index, prefix.Addr()))
		}
	}
	return apply(fd, changes)
}

// address gives the interface an address.
func address(index int32, prefix netip.Prefix) change {
	family := unix.AF_INET
	if prefix.Addr().Is6() {
		family = unix.AF_INET6
	}
	msg := nl.NewIfAddrmsg(family)
	msg.Index, msg.Prefixlen = uint32(index), uint8(prefix.Bits())
	if prefix.Addr().Is6() {
		msg.Flags = unix.IFA_F_NODAD // there is nobody to ask
	}
	ip := prefix.Addr().AsSlice()
	return change{"address " + prefix.String(), unix.RTM_NEWADDR, unix.NLM_F_CREATE | unix.NLM_F_EXCL, []nl.NetlinkRequestData{
		msg, nl.NewRtAttr(unix.IFA_LOCAL, ip), nl.NewRtAttr(unix.IFA_ADDRESS, ip),
	}}
}

// takeIn adds the route that makes an IPv6 address the host's own. The kernel
// does so itself, but later, from a queue of work (addrconf_dad_work): until
// then it throws away what comes for the address.
func takeIn(index int32, a netip.Addr) change {
	msg := nl.NewRtMsg()
	msg.Family, msg.Dst_len, msg.Table, msg.Type = unix.AF_INET6, 128, unix.RT_TABLE_LOCAL, unix.RTN_LOCAL
	return change{"route to " + a.String(), unix.RTM_NEWROUTE, unix.NLM_F_CREATE | unix.NLM_F_EXCL, []nl.NetlinkRequestData{
		msg, nl.NewRtAttr(unix.RTA_DST, a.AsSlice()), nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(index))),
	}}
}

// apply makes all changes in one message, and returns the error of the first that
// the kernel refuses. netlink's own calls take a message each, and 64 kB for each
// answer: a quarter of what a run cost. The kernel has answered when it has taken
// the message.
func apply(fd int, changes []change) error {
	var message []byte
	for i, c := range changes {
		r := nl.NewNetlinkRequest(c.kind, c.flags|unix.NLM_F_ACK)
		r.Seq, r.Data = uint32(i), c.body
		message = append(message, r.Serialize()...)
	}
	if _, err := unix.Write(fd, message); err != nil {
		return os.NewSyscallError("write", err)
	}
	var answer [unix.SizeofNlMsghdr + 4]byte // the rest repeats the request
	for i, c := range changes {
		n, err := unix.Read(fd, answer[:])
		if err != nil {
			return fmt.Errorf("%s: %w", c.what, os.NewSyscallError("read", err))
		}
		native := binary.NativeEndian
		if n < len(answer) || native.Uint16(answer[4:]) != unix.NLMSG_ERROR || native.Uint32(answer[8:]) != uint32(i) {
			return fmt.Errorf("%s: %w", c.what, errors.New("rtnetlink: no answer"))
		}
		errno := unix.Errno(-int32(native.Uint32(answer[unix.SizeofNlMsghdr:])))
		if errno != 0 && !(errno == unix.EEXIST && c.kind == unix.RTM_NEWROUTE) { // the kernel was first
			return fmt.Errorf("%s: %w", c.what, errno)
		}
	}
	return nil
}
