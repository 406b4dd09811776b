package sockopt

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTCPInfoOfAConnection(t *testing.T) {
	client, server := connection(t)
	_, err := unix.Write(client, make([]byte, 1000))
	must(t, "write", err)
	_, err = unix.Read(server, make([]byte, 1000))
	must(t, "read", err)

	c, s := get(t, client, Info), get(t, server, Info)
	if c.State != StateEstablished || s.State != StateEstablished {
		t.Errorf("states %v and %v", c.State, s.State)
	}
	if s.BytesReceived != 1000 || s.DataSegsIn != 1 {
		t.Errorf("the server received %d bytes in %d segments", s.BytesReceived, s.DataSegsIn)
	}
	if c.Has("bytes_sent") && c.BytesSent != 1000 {
		t.Errorf("the client sent %d bytes", c.BytesSent)
	}
	if c.Has("snd_wnd") && s.Has("rcv_wnd") && (c.SndWnd == 0 || s.RcvWnd == 0) {
		t.Errorf("the window is %d, seen from the other end %d", s.RcvWnd, c.SndWnd)
	}
	// Both ends know the same two shifts, each by the other name.
	if c.SndWscale != s.RcvWscale || c.RcvWscale != s.SndWscale || c.RcvWscale == 0 {
		t.Errorf("window scales %d/%d and %d/%d", c.SndWscale, c.RcvWscale, s.SndWscale, s.RcvWscale)
	}
	if want := OptTimestamps | OptSACK | OptWscale; sandbox() != nil && c.Options&want != want {
		t.Errorf("options %v", c.Options)
	}
	if mss := get(t, client, MaxSeg); uint32(mss) != c.SndMSS {
		t.Errorf("TCP_MAXSEG is %d, tcpi_snd_mss %d", mss, c.SndMSS)
	}
	if mtu := get(t, client, IPMTU); uint32(mtu) != c.PMTU {
		t.Errorf("IP_MTU is %d, tcpi_pmtu %d", mtu, c.PMTU)
	}
	if c.Length < 104 {
		t.Errorf("TCP_INFO has %d bytes", c.Length)
	}
}

func TestListener(t *testing.T) {
	l, addr := listener(t)
	if !get(t, l, AcceptConn) {
		t.Error("SO_ACCEPTCONN is off")
	}
	client := tcpSocket(t, unix.AF_INET)
	must(t, "connect", unix.Connect(client, addr))
	// connect does not wait for the last ACK of the handshake to arrive.
	_, err := unix.Poll([]unix.PollFd{{Fd: int32(l), Events: unix.POLLIN}}, 5000)
	must(t, "poll", err)
	if info := get(t, l, Info); info.State != StateListen || info.Unacked != 1 || info.Sacked != 8 {
		t.Errorf("accept queue %d/%d in %v, want 1/8", info.Unacked, info.Sacked, info.State)
	}
	if err := Set(l, Repair, RepairOn); !errors.Is(err, unix.EPERM) {
		t.Errorf("TCP_REPAIR on a listener: got %v, want EPERM", err)
	}
}

func TestSavedSYNIsReadOnce(t *testing.T) {
	_, server := connection(t, func(l int) { set(t, l, SaveSYN, 1) })
	syn := get(t, server, SavedSYN)
	if len(syn) < 40 || syn[0]>>4 != 4 || syn[9] != unix.IPPROTO_TCP {
		t.Errorf("not an IPv4 header: % x", syn)
	}
	if flags := syn[20+13]; flags&0x12 != 0x02 {
		t.Errorf("TCP flags %#x, want SYN", flags)
	}
	if again := get(t, server, SavedSYN); len(again) != 0 {
		t.Errorf("a second time: % x", again)
	}
}

func TestErrorIsTakenByReading(t *testing.T) {
	l, addr := listener(t)
	closeNow(t, l)
	fd := tcpSocket(t, unix.AF_INET)
	must(t, "set nonblock", unix.SetNonblock(fd, true))
	err := unix.Connect(fd, addr)
	if errors.Is(err, unix.EINPROGRESS) {
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 5000); err != nil {
			t.Fatal(err)
		}
		err = get(t, fd, Error)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatalf("got %v, want ECONNREFUSED", err)
	}
	if again := get(t, fd, Error); again != 0 {
		t.Errorf("a second time: %v", again)
	}
}

func TestWhatASocketIs(t *testing.T) {
	a, b := tcpSocket(t, unix.AF_INET), tcpSocket(t, unix.AF_INET6)
	if d := get(t, a, Domain); d != unix.AF_INET {
		t.Errorf("SO_DOMAIN %d", d)
	}
	if d := get(t, b, Domain); d != unix.AF_INET6 {
		t.Errorf("SO_DOMAIN %d", d)
	}
	if p := get(t, a, Protocol); p != unix.IPPROTO_TCP {
		t.Errorf("SO_PROTOCOL %d", p)
	}
	if v := get(t, a, Type); v != unix.SOCK_STREAM {
		t.Errorf("SO_TYPE %d", v)
	}
	if get(t, a, SndLowat) != 1 {
		t.Error("SO_SNDLOWAT is not 1")
	}
	if x, y := get(t, a, Cookie), get(t, b, Cookie); x == 0 || x == y || x != get(t, a, Cookie) {
		t.Errorf("cookies %d and %d", x, y)
	}
	if x, y := get(t, a, NetnsCookie), get(t, b, NetnsCookie); x == 0 || x != y {
		t.Errorf("namespace cookies %d and %d", x, y)
	}
	if m := get(t, a, MemInfo); m.RcvBuf != uint32(get(t, a, RcvBuf)) || m.SndBuf != uint32(get(t, a, SndBuf)) {
		t.Errorf("SO_MEMINFO %+v", m)
	}
}

func TestIsMPTCP(t *testing.T) {
	if get(t, tcpSocket(t, unix.AF_INET), IsMPTCP) {
		t.Error("a TCP socket is MPTCP")
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if err != nil {
		t.Skipf("no MPTCP: %v", err)
	}
	defer unix.Close(fd)
	if !get(t, fd, IsMPTCP) {
		t.Error("an MPTCP socket is not MPTCP")
	}
}

func TestIncomingCPUAndAdvice(t *testing.T) {
	client, server := connection(t)
	if cpu := get(t, server, IncomingCPU); cpu < 0 {
		t.Errorf("SO_INCOMING_CPU is %d on a connection", cpu)
	}
	if id := get(t, server, IncomingNAPIID); id != 0 {
		t.Errorf("SO_INCOMING_NAPI_ID is %d on loopback", id)
	}
	set(t, client, CnxAdvice, 1)
}

func TestAddrFormTurnsAMappedSocketIntoIPv4(t *testing.T) {
	_, addr := listener(t)
	fd := tcpSocket(t, unix.AF_INET6)
	mapped := &unix.SockaddrInet6{Port: addr.Port, Addr: netip.AddrFrom4(addr.Addr).As16()}
	must(t, "connect", unix.Connect(fd, mapped))
	if got := get(t, fd, IPv6AddrForm); got != unix.AF_INET6 {
		t.Errorf("before: %d", got)
	}
	if mtu := get(t, fd, IPv6MTU); mtu != get(t, fd, IPMTU) {
		t.Errorf("IPV6_MTU is %d", mtu)
	}
	set(t, fd, IPv6AddrForm, unix.AF_INET)
	if got := get(t, fd, Domain); got != unix.AF_INET {
		t.Errorf("after: %d", got)
	}
}

func TestOriginalDst(t *testing.T) {
	client, _ := connection(t)
	_, err := Get(client, OriginalDst)
	skipUnsupported(t, err)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		t.Error(err)
	}
}

// A buffer that is too small to map a page is filled by copying.
func TestZeroCopyReceive(t *testing.T) {
	client, server := connection(t)
	_, err := unix.Write(client, []byte("five!"))
	must(t, "write", err)
	buf, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	must(t, "mmap", err)
	defer unix.Munmap(buf)
	got, err := Ask(server, ZeroCopyReceive, ZeroCopyChunk{CopybufAddr: addressOf(buf), CopybufLen: int32(len(buf))})
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	if got.CopybufLen != 5 || !bytes.HasPrefix(buf, []byte("five!")) {
		t.Errorf("got %+v and %q", got, buf[:5])
	}
	_, err = Ask(server, ZeroCopyReceive, ZeroCopyChunk{Address: 1})
	if !errors.Is(err, unix.EINVAL) || err.Error() != "TCP_ZEROCOPY_RECEIVE: getsockopt: invalid argument" {
		t.Errorf("no page's address: got %v", err)
	}
}

func TestMD5SignedConnection(t *testing.T) {
	peer := netip.MustParseAddr("127.0.0.1")
	key := MD5Key{peer, []byte("not for print")}
	l, addr := listener(t, func(l int) { set(t, l, MD5Sig, key) })
	client := tcpSocket(t, unix.AF_INET)
	set(t, client, MD5SigExt, MD5KeyExt{Peers: netip.PrefixFrom(peer, 8).Masked(), Key: key.Key})
	must(t, "connect", unix.Connect(client, addr)) // would not, were it not signed the same

	set(t, l, MD5Sig, MD5Key{Peer: peer})
	err := Set(l, MD5Sig, MD5Key{Peer: peer})
	if !errors.Is(err, unix.ENOENT) {
		t.Errorf("to delete it twice: got %v, want ENOENT", err)
	}
	err = Set(l, MD5Sig, MD5Key{netip.MustParseAddr("::1"), key.Key})
	if want := "TCP_MD5SIG=::1, key of 13 bytes: setsockopt: invalid argument"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := Set(l, MD5Sig, MD5Key{peer, make([]byte, 81)}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("81 bytes: got %v, want EINVAL", err)
	}
}

// CONFIG_TCP_AO is off in most kernels: this runs where it is on.
func TestTCPAO(t *testing.T) {
	peers := netip.MustParsePrefix("127.0.0.1/32")
	key := AOKey{Peers: peers, Algorithm: "hmac(sha1)", SendID: 100, RecvID: 100, Key: []byte("not for print")}
	l, addr := listener(t, func(l int) { set(t, l, AOAddKey, key) })
	client := tcpSocket(t, unix.AF_INET)
	set(t, client, AOAddKey, key)
	must(t, "connect", unix.Connect(client, addr))
	if s := get(t, client, AOInfo); s.Current == nil || *s.Current != 100 || s.Good == 0 {
		t.Errorf("got %+v", s)
	}
	keys, err := Ask(client, AOGetKeys, AOQuery{All: true, Max: 4})
	if err != nil || len(keys.Keys) != 1 || keys.Keys[0].Peers != peers || keys.Keys[0].Algorithm != key.Algorithm {
		t.Errorf("got %+v (%v)", keys, err)
	}
	set(t, l, AODelKey, AODelete{Peers: peers, SendID: 100, RecvID: 100})
}

// The net package's connections and listeners.
func TestNetPackage(t *testing.T) {
	var control error
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		control = SetRaw(c, DeferAccept, 1)
		return control
	}}
	var l net.Listener
	var c net.Conn
	err := error(nil)
	inSandbox(func() { l, err = lc.Listen(context.Background(), "tcp4", "127.0.0.1:0") })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tl := l.(*net.TCPListener)
	if v, err := GetConn(tl, DeferAccept); err != nil || v != 1 {
		t.Errorf("TCP_DEFER_ACCEPT reads %d (%v), set with %v", v, err, control)
	}
	if on, err := GetConn(tl, AcceptConn); err != nil || !on {
		t.Errorf("SO_ACCEPTCONN: %t (%v)", on, err)
	}
	inSandbox(func() { c, err = net.Dial("tcp4", l.Addr().String()) })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tc := c.(*net.TCPConn)
	if on, err := GetConn(tc, NoDelay); err != nil || !on {
		t.Errorf("TCP_NODELAY: %t (%v)", on, err)
	}
	if err := SetConn(tc, UserTimeout, 4000); err != nil {
		t.Error(err)
	}
	err = SetConn(tc, KeepCnt, 128)
	if !errors.Is(err, unix.EINVAL) || err.Error() != "TCP_KEEPCNT=128: setsockopt: invalid argument" {
		t.Errorf("got %v", err)
	}
	c.Close()
	if _, err := GetConn(tc, NoDelay); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: got %v", err)
	}
	if err := SetConn(tc, NoDelay, true); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: got %v", err)
	}
}
