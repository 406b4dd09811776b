package sockopt

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// trial sets an option on a fresh socket, and looks what became of it.
type trial struct {
	option string
	family int
	what   string
	run    func(t *testing.T, fd int)
}

// reads says that the option, set to a value, reads as another (or the same).
func reads[T any](o Option[T], set, want T) trial {
	return trial{o.Name, familyOf(o.Level), fmt.Sprintf("%s reads %s", o.codec.text(set), o.codec.text(want)), func(t *testing.T, fd int) {
		err := Set(fd, o, set)
		skipUnsupported(t, err)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			if o.Needs != "" && (!hasCap(unix.CAP_NET_ADMIN) || !initialUserNamespace()) {
				skipOrFail(t, o.Needs)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, get(t, fd, o)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", o.Name, diff)
		}
	}}
}

// keeps says that values are read back as they were set.
func keeps[T any](o Option[T], values ...T) []trial {
	var all []trial
	for _, v := range values {
		all = append(all, reads(o, v, v))
	}
	return all
}

// refuses says that the kernel refuses a value with an errno, and that the
// error is one readable line.
func refuses[T any](o Settable[T], v T, errno unix.Errno) trial {
	spec, c := o.settable()
	return trial{spec.Name, familyOf(spec.Level), fmt.Sprintf("%s is %s", c.text(v), unix.ErrnoName(errno)), func(t *testing.T, fd int) {
		err := Set(fd, o, v)
		if StatusOf(err) == Unsupported && errno != unix.EOPNOTSUPP {
			t.Skipf("this kernel: %v", err)
		}
		if !errors.Is(err, errno) {
			t.Fatalf("got %v, want %v", err, unix.ErrnoName(errno))
		}
		if want := fmt.Sprintf("%s=%s: setsockopt: %v", spec.Name, c.text(v), errno); err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}}
}

func familyOf(l Level) int {
	if l == LevelIPv6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

func one(t trial) []trial { return []trial{t} }

var onOff = []bool{true, false}

var tcpTrials = slices.Concat(
	keeps(NoDelay, onOff...),
	keeps(Cork, onOff...),
	keeps(MaxSeg, 88, 1000, 32767),
	one(refuses(MaxSeg, 87, unix.EINVAL)),
	one(refuses(MaxSeg, 70000, unix.EINVAL)),
	keeps(NotSentLowat, 0, 16384, math.MaxUint32),
	keeps(TxDelay, 0, 1000, 1<<28-1),
	one(refuses(TxDelay, 1<<28, unix.EINVAL)),
	one(refuses(TxDelay, -1, unix.EINVAL)),
	keeps(Congestion, "reno"),
	one(refuses(Congestion, "nosuch", unix.ENOENT)),
	one(refuses(ULP, "nosuch", unix.ENOENT)),
	keeps(KeepIdle, 1, 32767),
	one(refuses(KeepIdle, 0, unix.EINVAL)),
	one(refuses(KeepIdle, 32768, unix.EINVAL)),
	keeps(KeepIntvl, 1, 32767),
	one(refuses(KeepIntvl, 0, unix.EINVAL)),
	one(refuses(KeepIntvl, 32768, unix.EINVAL)),
	keeps(KeepCnt, 1, 127),
	one(refuses(KeepCnt, 0, unix.EINVAL)),
	one(refuses(KeepCnt, 128, unix.EINVAL)),
	keeps(SynCnt, 1, 127),
	one(refuses(SynCnt, 0, unix.EINVAL)),
	one(refuses(SynCnt, 128, unix.EINVAL)), // tcp(7): 255
	keeps(Linger2, 1, 120),
	one(reads(Linger2, 121, 120)),
	one(reads(Linger2, -7, -1)),
	keeps(UserTimeout, 0, 1, math.MaxInt32),
	one(refuses(UserTimeout, -1, unix.EINVAL)),
	one(refuses(RTOMax, 999, unix.EINVAL)),
	keeps(RTOMax, 1000, 120000),
	one(refuses(RTOMax, 120001, unix.EINVAL)),
	keeps(RTOMin, 200000),
	one(refuses(RTOMin, 0, unix.EINVAL)),
	one(refuses(RTOMin, 200001, unix.EINVAL)),
	keeps(DelackMax, 200000),
	one(refuses(DelackMax, 0, unix.EINVAL)),
	one(refuses(DelackMax, 200001, unix.EINVAL)),
	keeps(ThinLinearTimeouts, onOff...),
	one(reads(ThinDupack, true, false)),
	keeps(DeferAccept, 0, 1, 3, 7, 15, 31, 63, 127, 247),
	one(reads(DeferAccept, 2, 3)),
	one(reads(DeferAccept, 5, 7)),
	one(reads(DeferAccept, 128, 247)),
	one(reads(DeferAccept, -1, 0)),
	keeps(FastOpen, 0, 16),
	one(refuses(FastOpen, -1, unix.EINVAL)),
	keeps(FastOpenNoCookie, onOff...),
	keeps(FastOpenKey, FastOpenKeys{{1, 2, 3}}, FastOpenKeys{{1, 2, 3}, {15: 9}}),
	keeps(SaveSYN, 0, 1, 2),
	one(refuses(SaveSYN, 3, unix.EINVAL)),
	one(refuses(SaveSYN, -1, unix.EINVAL)),
	keeps(QuickAck, onOff...),
	keeps(WindowClamp, 0, 5000, math.MaxInt32),
	keeps(Inq, onOff...),
	one(refuses(RepairQueue, SendQueue, unix.EPERM)),
	one(refuses(QueueSeq, 1, unix.EINVAL)),
	one(refuses(RepairOptions, []RepairOption{{2, 1460}}, unix.EINVAL)),
	one(refuses(RepairWindow, RepairedWindow{}, unix.EPERM)),
	one(refuses(TCPTimestamp, 1, unix.EPERM)),
	one(refuses(Repair, RepairMode(2), repairErrno())),
)

// repairErrno: the kernel looks at the privilege before the value.
func repairErrno() unix.Errno {
	if hasCap(unix.CAP_NET_ADMIN) {
		return unix.EINVAL
	}
	return unix.EPERM
}

var socketTrials = slices.Concat(
	keeps(Debug, onOff...),
	keeps(ReuseAddr, onOff...),
	keeps(ReusePort, onOff...),
	keeps(KeepAlive, onOff...),
	keeps(OOBInline, onOff...),
	keeps(DontRoute, onOff...),
	keeps(ZeroCopy, onOff...),
	keeps(RcvMark, onOff...),
	keeps(RcvPriority, onOff...),
	keeps(SOTimestamp, onOff...),
	keeps(SOTimestampNS, onOff...),
	keeps(SOTimestamping, 0, unix.SOF_TIMESTAMPING_SOFTWARE|unix.SOF_TIMESTAMPING_RX_SOFTWARE),
	one(refuses(SOTimestamping, 1<<31, unix.EINVAL)),
	keeps(Linger, LingerValue{On: true}, LingerValue{On: true, Seconds: 3600}, LingerValue{}),
	keeps(Priority, 0, 6, 7),
	keeps(Mark, 0, 1, math.MaxUint32),
	keeps(BindToDevice, "", "lo"),
	one(refuses(BindToDevice, "nosuch", unix.ENODEV)),
	keeps(BindToIfindex, 0, 1, math.MaxInt32),
	one(refuses(BindToIfindex, -1, unix.EINVAL)),
	keeps(MaxPacingRate, 0, 1000, 1<<40, math.MaxUint64),
	keeps(TxRehash, 0, 1),
	one(refuses(TxRehash, 2, unix.EINVAL)),
	one(refuses(TxRehash, -2, unix.EINVAL)),
	keeps(IncomingCPU, 0, 1),
	keeps(BusyPoll, 0, 50),
	one(refuses(BusyPoll, -1, unix.EINVAL)),
	keeps(PreferBusyPoll, onOff...),
	one(refuses(BusyPollBudget, -1, unix.EINVAL)),
	keeps(LockFilter, onOff...),
	keeps(PeekOff, -1, 0, 100),
	keeps(RcvLowat, 1, 100),
	one(reads(RcvLowat, 0, 1)),
	keeps(BufLocks, 0, LockSndBuf, LockRcvBuf, LockSndBuf|LockRcvBuf),
	one(refuses(BufLocks, BufLock(4), unix.EINVAL)),
	keeps(RcvTimeo, 0, time.Second, 90*time.Minute),
	keeps(SndTimeo, 0, time.Second, 90*time.Minute),
	one(refuses(ReserveMem, -1, unix.EINVAL)),
)

var ipTrials = slices.Concat(
	keeps(IPTOS, 0, 0x10, 0xb8),
	one(reads(IPTOS, 0x13, 0x10)), // the ECN bits are TCP's
	keeps(IPTTL, 1, 255),
	one(refuses(IPTTL, 0, unix.EINVAL)),
	one(refuses(IPTTL, 256, unix.EINVAL)),
	keeps(IPMinTTL, 0, 255),
	one(refuses(IPMinTTL, 256, unix.EINVAL)),
	one(refuses(IPMinTTL, -1, unix.EINVAL)),
	keeps(IPMTUDiscover, PMTUDont, PMTUWant, PMTUDo, PMTUProbe, PMTUInterface, PMTUOmit),
	one(refuses(IPMTUDiscover, PMTUDiscovery(6), unix.EINVAL)),
	keeps(IPRecvErr, onOff...),
	keeps(IPFreeBind, onOff...),
	keeps(IPTransparent, onOff...),
	keeps(IPBindAddressNoPort, onOff...),
	keeps(IPLocalPortRange, PortRange{}, PortRange{40000, 40010}, PortRange{0, 40010}),
	one(refuses(IPLocalPortRange, PortRange{2, 1}, unix.EINVAL)),
	keeps(IPUnicastIf, 0, 1),
	one(refuses(IPUnicastIf, 12345, unix.EADDRNOTAVAIL)),

	keeps(IPv6V6Only, onOff...),
	keeps(IPv6UnicastHops, 0, 255),
	one(refuses(IPv6UnicastHops, 256, unix.EINVAL)),
	one(refuses(IPv6UnicastHops, -2, unix.EINVAL)),
	keeps(IPv6MinHopCount, 0, 255),
	one(refuses(IPv6MinHopCount, 256, unix.EINVAL)),
	keeps(IPv6TClass, 0, 0xb8),
	one(reads(IPv6TClass, 0x13, 0x10)),
	one(reads(IPv6TClass, -1, 0)),
	one(refuses(IPv6TClass, 256, unix.EINVAL)),
	keeps(IPv6MTUDiscover, PMTUDont, PMTUWant, PMTUDo, PMTUProbe, PMTUInterface, PMTUOmit),
	one(refuses(IPv6MTUDiscover, PMTUDiscovery(6), unix.EINVAL)),
	one(refuses(IPv6MTU, 1279, unix.EINVAL)),
	keeps(IPv6RecvErr, onOff...),
	keeps(IPv6FreeBind, onOff...),
	keeps(IPv6Transparent, onOff...),
	keeps(IPv6UnicastIf, 0, 1),
	one(refuses(IPv6UnicastIf, 12345, unix.EADDRNOTAVAIL)),
	one(reads(IPv6AddrPreferences, PreferTemporary, PreferTemporary|PreferHome)),
	one(reads(IPv6AddrPreferences, PreferPublic|PreferCareOf, PreferPublic|PreferCareOf)),
	one(refuses(IPv6AddrPreferences, PreferPublic|PreferTemporary, unix.EINVAL)),
	keeps(IPv6AutoFlowLabel, onOff...),
	keeps(IPv6FlowInfoSend, onOff...),
	one(refuses(IPv6AddrForm, unix.AF_INET, unix.ENOTCONN)),
	one(refuses(IPv6AddrForm, unix.AF_UNIX, unix.EINVAL)),
)

func TestSet(t *testing.T) {
	for _, trial := range slices.Concat(socketTrials, tcpTrials, ipTrials) {
		t.Run(trial.option+"/"+strings.ReplaceAll(trial.what, " ", "_"), func(t *testing.T) {
			trial.run(t, tcpSocket(t, trial.family))
		})
	}
}
