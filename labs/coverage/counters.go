package coverage

import "strings"

// counterNames are the TcpExt counters of Linux 6.18 (/proc/net/netstat).
const counterNames = `
SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned
OfoPruned OutOfWindowIcmps LockDroppedIcmps ArpFilter TW TWRecycled TWKilled
PAWSActive PAWSEstab BeyondWindow TSEcrRejected PAWSOldAck PAWSTimewait DelayedACKs
DelayedACKLocked DelayedACKLost ListenOverflows ListenDrops TCPHPHits TCPPureAcks
TCPHPAcks TCPRenoRecovery TCPSackRecovery TCPSACKReneging TCPSACKReorder TCPRenoReorder
TCPTSReorder TCPFullUndo TCPPartialUndo TCPDSACKUndo TCPLossUndo TCPLostRetransmit
TCPRenoFailures TCPSackFailures TCPLossFailures TCPFastRetrans TCPSlowStartRetrans
TCPTimeouts TCPLossProbes TCPLossProbeRecovery TCPRenoRecoveryFail TCPSackRecoveryFail
TCPRcvCollapsed TCPBacklogCoalesce TCPDSACKOldSent TCPDSACKOfoSent TCPDSACKRecv
TCPDSACKOfoRecv TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout
TCPAbortOnLinger TCPAbortFailed TCPMemoryPressures TCPMemoryPressuresChrono
TCPSACKDiscard TCPDSACKIgnoredOld TCPDSACKIgnoredNoUndo TCPSpuriousRTOs
TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPSackShifted TCPSackMerged
TCPSackShiftFallback TCPBacklogDrop PFMemallocDrop TCPMinTTLDrop TCPDeferAcceptDrop
IPReversePathFilter TCPTimeWaitOverflow TCPReqQFullDoCookies TCPReqQFullDrop
TCPRetransFail TCPRcvCoalesce TCPOFOQueue TCPOFODrop TCPOFOMerge TCPChallengeACK
TCPSYNChallenge TCPFastOpenActive TCPFastOpenActiveFail TCPFastOpenPassive
TCPFastOpenPassiveFail TCPFastOpenListenOverflow TCPFastOpenCookieReqd
TCPFastOpenBlackhole TCPSpuriousRtxHostQueues BusyPollRxPackets TCPAutoCorking
TCPFromZeroWindowAdv TCPToZeroWindowAdv TCPWantZeroWindowAdv TCPSynRetrans
TCPOrigDataSent TCPHystartTrainDetect TCPHystartTrainCwnd TCPHystartDelayDetect
TCPHystartDelayCwnd TCPACKSkippedSynRecv TCPACKSkippedPAWS TCPACKSkippedSeq
TCPACKSkippedFinWait2 TCPACKSkippedTimeWait TCPACKSkippedChallenge TCPWinProbe
TCPKeepAlive TCPMTUPFail TCPMTUPSuccess TCPDelivered TCPDeliveredCE TCPAckCompressed
TCPZeroWindowDrop TCPRcvQDrop TCPWqueueTooBig TCPFastOpenPassiveAltKey TcpTimeoutRehash
TcpDuplicateDataRehash TCPDSACKRecvSegs TCPDSACKIgnoredDubious TCPMigrateReqSuccess
TCPMigrateReqFailure TCPPLBRehash TCPAORequired TCPAOBad TCPAOKeyNotFound TCPAOGood
TCPAODroppedIcmps
`

func counterCandidates() []candidate {
	var all []candidate
	for _, name := range strings.Fields(counterNames) {
		all = append(all, candidate{name, "", counted(name), whyNot(counterWhys, name)})
	}
	return all
}

// counterWhys say why a counter rises in no lab.
var counterWhys = []why{
	{"TCPAO*", "needs a kernel with CONFIG_TCP_AO"},
	{"TCPMemoryPressures* TCPAbortOnMemory PFMemallocDrop TCPRcvQDrop TCPWqueueTooBig", "needs a lack of memory: its limits are the whole machine's"},
	{"ArpFilter IPReversePathFilter", "about ARP and routes, not about TCP"},
	{"LockDroppedIcmps DelayedACKLocked TCPBacklogCoalesce TCPBacklogDrop", "needs a segment that arrives while a call holds the socket: in a lab both never happen at once"},
	{"BusyPollRxPackets TCPSpuriousRtxHostQueues", "needs a device with queues"},
	{"TCPAutoCorking TCPAckCompressed", "labs turn it off: it depends on a device's queue, or on the clock"},
	{"TCPHystart*", "needs the congestion control cubic, which a private namespace need not have"},
	{"TCPPLBRehash", "needs a congestion control that uses it (DCTCP)"},
	{"TCPAbortFailed TCPRetransFail", "needs a lack of memory, or a route that vanishes"},
	{"TCPFastOpenBlackhole", "about Fast Open in networks that drop it"},
	{"TCPSackFailures", "a timeout while SACK tells of a hole: RACK's timer comes before it"},
	{"TCPSackShifted", "needs packets of several segments (TSO), of which the wire has none"},
	{"TCPRcvCollapsed", "small packets are joined as they arrive (TCPRcvCoalesce), so nothing is left to collapse"},
	{"TCPZeroWindowDrop", "BeyondWindow counts such data before: its end is outside of the window"},
	{"TCPDSACKIgnoredOld TCPDSACKIgnoredNoUndo", "needs a DSACK for old data that the sender did send again, once the recovery is past"},
}
