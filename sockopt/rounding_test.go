package sockopt

import (
	"errors"
	"math"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What these options make of a value depends on the kernel's tick, on a sysctl
// or on the size of its structures.

func TestTimersAreRoundedUpToTicks(t *testing.T) {
	tick := tick(t)
	micro := func(d time.Duration) int { return int(d / time.Microsecond) }
	fd := tcpSocket(t, unix.AF_INET)
	for _, d := range []time.Duration{2 * tick, 50*time.Millisecond + time.Microsecond, 200 * time.Millisecond} {
		want := micro(roundUp(d, tick))
		set(t, fd, RTOMin, micro(d))
		if got := get(t, fd, RTOMin); got != want {
			t.Errorf("TCP_RTO_MIN_US=%d reads %d, want %d", micro(d), got, want)
		}
		set(t, fd, DelackMax, micro(d))
		if got := get(t, fd, DelackMax); got != want {
			t.Errorf("TCP_DELACK_MAX_US=%d reads %d, want %d", micro(d), got, want)
		}
	}
	if err := Set(fd, RTOMin, micro(tick)); !errors.Is(err, unix.EINVAL) {
		t.Errorf("one tick: got %v, want EINVAL", err)
	}
	if err := Set(fd, DelackMax, micro(tick)); !errors.Is(err, unix.EINVAL) {
		t.Errorf("one tick: got %v, want EINVAL", err)
	}

	set(t, fd, RTOMax, 1001)
	want := int(roundUp(1001*time.Millisecond, tick) / time.Millisecond)
	if got := get(t, fd, RTOMax); got != want {
		t.Errorf("TCP_RTO_MAX_MS=1001 reads %d, want %d", got, want)
	}
}

func TestTimeoutsAreRoundedUpToTicks(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	for _, o := range []Option[time.Duration]{RcvTimeo, SndTimeo} {
		for _, d := range []time.Duration{time.Nanosecond, time.Microsecond, 1501 * time.Millisecond, 3*time.Second + 1} {
			set(t, fd, o, d)
			if got, want := get(t, fd, o), roundUp(d, tick(t)); got != want {
				t.Errorf("%s=%v reads %v, want %v", o.Name, d, got, want)
			}
		}
		if err := Set(fd, o, -time.Second); err == nil || StatusOf(err) != Supported {
			t.Errorf("%s=-1s: got %v, want this package's own error", o.Name, err)
		}
	}
}

// The longest times come back whole, and not as a negative one.
func TestLongTimes(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	set(t, fd, RcvTimeo, math.MaxInt64)
	if got := get(t, fd, RcvTimeo); got != math.MaxInt64 {
		t.Errorf("SO_RCVTIMEO of 292 years reads %v", got)
	}
	set(t, fd, Linger, LingerValue{On: true, Seconds: math.MaxInt32})
	if got := get(t, fd, Linger); got.Seconds != math.MaxInt32 {
		t.Errorf("SO_LINGER: got %v", got)
	}
}

func TestBufferSizesAreDoubled(t *testing.T) {
	for _, buf := range []struct {
		Option[int]
		limit string
		least [2]int // about: it depends on the size of struct sk_buff
	}{
		{RcvBuf, "net.core.rmem_max", [2]int{2048, 4096}},
		{SndBuf, "net.core.wmem_max", [2]int{4096, 8192}},
	} {
		fd := tcpSocket(t, unix.AF_INET)
		limit := hostSysctl(t, buf.limit)
		for v, want := range map[int]int{10000: 20000, limit: 2 * limit, limit + 1: 2 * limit, -1: 2 * limit} {
			set(t, fd, buf.Option, v)
			if got := get(t, fd, buf.Option); got != want {
				t.Errorf("%s=%d reads %d, want %d", buf.Name, v, got, want)
			}
		}
		set(t, fd, buf.Option, 0)
		if got := get(t, fd, buf.Option); got < buf.least[0] || got > buf.least[1] {
			t.Errorf("%s=0 reads %d, want %d to %d", buf.Name, got, buf.least[0], buf.least[1])
		}
	}
}

// hostSysctl reads rmem_max and wmem_max, which were the initial namespace's
// alone until Linux made them visible, and read-only, in others.
func hostSysctl(t *testing.T, name string) int {
	t.Helper()
	v, err := integerFile(sysctlPath(name))
	if errors.Is(err, os.ErrNotExist) {
		return sysctl(t, name)
	}
	must(t, name, err)
	return v
}

func TestSysctlIsTheDefault(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	for _, o := range []Option[int]{KeepIdle, KeepIntvl, KeepCnt, SynCnt, Linger2, RTOMax, RTOMin, IPTTL, TxRehash} {
		v, err := Get(fd, o)
		if StatusOf(err) == Unsupported {
			continue
		}
		if want := sysctl(t, o.Sysctl); err != nil || v != want {
			t.Errorf("%s reads %d (%v), %s is %d", o.Name, v, err, o.Sysctl, want)
		}
	}
	set(t, fd, Linger2, 0)
	if got, want := get(t, fd, Linger2), sysctl(t, Linger2.Sysctl); got != want {
		t.Errorf("TCP_LINGER2=0 reads %d, want %d", got, want)
	}
	set(t, fd, IPTTL, 7)
	set(t, fd, IPTTL, -1)
	if got, want := get(t, fd, IPTTL), sysctl(t, IPTTL.Sysctl); got != want {
		t.Errorf("IP_TTL=-1 reads %d, want %d", got, want)
	}
	set(t, fd, TxRehash, 0)
	set(t, fd, TxRehash, -1)
	if got, want := get(t, fd, TxRehash), sysctl(t, TxRehash.Sysctl); got != want {
		t.Errorf("SO_TXREHASH=-1 reads %d, want %d", got, want)
	}
}

func TestWindowClampHasALeast(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	set(t, fd, WindowClamp, 1)
	if got := get(t, fd, WindowClamp); got < 1024 || got > 2048 {
		t.Errorf("TCP_WINDOW_CLAMP=1 reads %d", got)
	}
	client, _ := connection(t)
	if err := Set(client, WindowClamp, 0); !errors.Is(err, unix.EINVAL) {
		t.Errorf("TCP_WINDOW_CLAMP=0 on a connection: got %v, want EINVAL", err)
	}
}

func TestFastOpenIsCutToSomaxconn(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	set(t, fd, FastOpen, math.MaxInt32)
	if got, want := get(t, fd, FastOpen), sysctl(t, "net.core.somaxconn"); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}

func TestFastOpenConnectFollowsTheSysctl(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	err := Set(fd, FastOpenConnect, true)
	if sysctl(t, "net.ipv4.tcp_fastopen")&1 == 0 {
		if !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("got %v, want EOPNOTSUPP", err)
		}
		return
	}
	if err != nil || !get(t, fd, FastOpenConnect) {
		t.Errorf("did not turn on: %v", err)
	}
}

func TestReserveMemIsRoundedUpToPages(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	err := Set(fd, ReserveMem, 1)
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("the socket is not charged to a memory cgroup")
	}
	must(t, "set", err)
	if got := get(t, fd, ReserveMem); got != os.Getpagesize() {
		t.Errorf("SO_RESERVE_MEM=1 reads %d", got)
	}
}

func TestRcvLowatIsCutToHalfTheBuffer(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	set(t, fd, RcvBuf, 10000)
	for _, v := range []int{math.MaxInt32, -1} {
		set(t, fd, RcvLowat, v)
		if got := get(t, fd, RcvLowat); got != 10000 {
			t.Errorf("SO_RCVLOWAT=%d reads %d, want half of 20000", v, got)
		}
	}
}

func TestLockFilterCannotBeTurnedOff(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	set(t, fd, LockFilter, true)
	if err := Set(fd, LockFilter, false); !errors.Is(err, unix.EPERM) {
		t.Errorf("got %v, want EPERM", err)
	}
}

func TestV6OnlyIsFixedByBind(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET6)
	must(t, "bind", unix.Bind(fd, &unix.SockaddrInet6{}))
	if err := Set(fd, IPv6V6Only, true); !errors.Is(err, unix.EINVAL) {
		t.Errorf("got %v, want EINVAL", err)
	}
}

func TestTosSetsPriority(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	set(t, fd, IPTOS, 0x10) // IPTOS_LOWDELAY
	if got := get(t, fd, Priority); got != 6 {
		t.Errorf("SO_PRIORITY reads %d, want 6 (interactive)", got)
	}
}

// Values that do not fit the kernel's type must not be cut to ones that do.
func TestTooLargeForTheKernel(t *testing.T) {
	fd := tcpSocket(t, unix.AF_INET)
	if math.MaxInt > math.MaxInt32 {
		var v int64 = 1<<32 + 1000
		if err := Set(fd, MaxSeg, int(v)); err == nil || StatusOf(err) != Supported {
			t.Errorf("TCP_MAXSEG=%d: got %v, want this package's own error", v, err)
		}
	}
	for _, name := range []string{"a-name-of-16-byte", "re\x00no"} {
		if err := Set(fd, Congestion, name); !errors.Is(err, unix.EINVAL) {
			t.Errorf("TCP_CONGESTION=%q: got %v, want EINVAL", name, err)
		}
	}
	if err := Set(fd, FastOpenKey, FastOpenKeys{}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("no key: got %v, want EINVAL", err)
	}
}
