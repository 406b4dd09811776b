package sockopt

import "fmt"

// CCInfo is the value of [CongestionInfo]: the algorithm's own structure. Ask
// [Congestion] which one that is; the kernel does not say it here.
type CCInfo []byte

// BBRInfo is struct tcp_bbr_info.
type BBRInfo struct {
	Bandwidth  uint64 // bytes/s, the recent maximum
	MinRTT     uint32 // µs, the recent minimum
	PacingGain uint32 // times 256
	CwndGain   uint32 // times 256
}

// DCTCPInfo is struct tcp_dctcp_info.
type DCTCPInfo struct {
	Enabled uint16 // 0: fell back to another algorithm
	CEState uint16 // whether the last packet had a congestion mark
	Alpha   uint32 // share of marked packets, times 1024
	ABECN   uint32 // bytes acknowledged with a mark
	ABTot   uint32 // bytes acknowledged
}

// VegasInfo is struct tcpvegas_info.
type VegasInfo struct {
	Enabled uint32
	RTTCnt  uint32 // samples in this round trip
	RTT     uint32 // µs, the last
	MinRTT  uint32 // µs, the least
}

// BBR reads the answer of bbr; false if it is too short for one.
func (c CCInfo) BBR() (BBRInfo, bool) {
	if len(c) < 20 {
		return BBRInfo{}, false
	}
	word := func(i int) uint32 { return native.Uint32(c[4*i:]) }
	return BBRInfo{uint64(word(1))<<32 | uint64(word(0)), word(2), word(3), word(4)}, true
}

// DCTCP reads the answer of dctcp; false if it is too short for one.
func (c CCInfo) DCTCP() (DCTCPInfo, bool) {
	v, err := plain[DCTCPInfo]().decode(c)
	return v, err == nil && len(c) >= 16
}

// Vegas reads the answer of vegas; false if it is too short for one.
func (c CCInfo) Vegas() (VegasInfo, bool) {
	v, err := plain[VegasInfo]().decode(c)
	return v, err == nil && len(c) >= 16
}

func (c CCInfo) String() string {
	if bbr, ok := c.BBR(); ok {
		return fmt.Sprintf("bbr: %d bytes/s, min rtt %d µs, gains %d/256 and %d/256",
			bbr.Bandwidth, bbr.MinRTT, bbr.PacingGain, bbr.CwndGain)
	}
	return fmt.Sprintf("%d bytes", len(c))
}
