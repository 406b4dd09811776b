package sockopt

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// AOQuery says which keys [AOGetKeys] is to return: all, the current one, the
// next one, or those that match the rest.
type AOQuery struct {
	All, Current, RNext bool

	Peers   netip.Prefix
	SendID  uint8
	RecvID  uint8
	Flags   uint8 // AOKeyIfindex
	Ifindex int

	Max int // keys to make room for; 0 is 1
}

// AOKeyInfo is a key of a socket, struct tcp_ao_getsockopt. Key is a secret.
type AOKeyInfo struct {
	Peers              netip.Prefix
	Algorithm          string
	Key                []byte
	IsCurrent, IsRNext bool
	SendID, RecvID     uint8
	MACLen             uint8
	Flags              uint8
	Ifindex            int
	Good, Bad          uint64 // segments verified, and not verified
}

// AOKeys is [AOGetKeys]' answer. Matched can be more than the keys that there
// was room for.
type AOKeys struct {
	Matched int
	Keys    []AOKeyInfo
}

// AOGetKeys (TCP_AO_GET_KEYS) returns the socket's TCP-AO keys. ENOENT if
// TCP-AO is not in use, EINVAL for a question that contradicts itself,
// ENOPROTOOPT in a kernel without CONFIG_TCP_AO.
//
// tcp_ao_get_mkts, tcp_ao_copy_mkts_to_user (net/ipv4/tcp_ao.c).
var AOGetKeys Query[AOQuery, AOKeys] = query(queryCodec[AOQuery, AOKeys]{
	question: encodeAOQuery,
	answer:   decodeAOKeys,
	record:   aoGetLen, // the kernel puts one key after the other, optlen bytes apart
}, Spec{
	Name: "TCP_AO_GET_KEYS", Level: LevelTCP, Number: tcpAOGetKeys,
	Since: "6.7",
})

// Offsets in struct tcp_ao_getsockopt.
const (
	aoGetAlgorithm = sockaddrStorageLen
	aoGetKey       = aoGetAlgorithm + aoAlgorithmLen
	aoGetNKeys     = aoGetKey + aoMaxKeyLen
	aoGetBits      = aoGetNKeys + 4
	aoGetIDs       = aoGetBits + 2 // sndid, rcvid, prefix, maclen, keyflags, keylen
	aoGetIfindex   = aoGetIDs + 6
	aoGetCounters  = aoGetIfindex + 4
	aoGetLen       = aoGetCounters + 16
)

func encodeAOQuery(q AOQuery) ([]byte, error) {
	room := max(q.Max, 1)
	if room > 1<<16 {
		return nil, unix.EINVAL
	}
	b := make([]byte, room*aoGetLen)
	copy(b, sockaddrStorage(netip.AddrPortFrom(q.Peers.Addr(), 0)))
	native.PutUint32(b[aoGetNKeys:], uint32(room))
	native.PutUint16(b[aoGetBits:], bitfield16(q.Current, q.RNext, q.All))
	copy(b[aoGetIDs:], []byte{q.SendID, q.RecvID, prefixLen(q.Peers), 0, q.Flags, 0})
	native.PutUint32(b[aoGetIfindex:], uint32(q.Ifindex))
	return b, nil
}

func decodeAOKeys(b []byte) (AOKeys, error) {
	if len(b) < aoGetLen {
		return AOKeys{}, errShort
	}
	v := AOKeys{Matched: int(native.Uint32(b[aoGetNKeys:]))}
	for ; len(b) >= aoGetLen && len(v.Keys) < v.Matched; b = b[aoGetLen:] {
		v.Keys = append(v.Keys, decodeAOKey(b))
	}
	return v, nil
}

func decodeAOKey(b []byte) AOKeyInfo {
	ids := b[aoGetIDs:]
	bits := native.Uint16(b[aoGetBits:])
	return AOKeyInfo{
		Peers:     netip.PrefixFrom(parseSockaddr(b).Addr(), int(ids[2])),
		Algorithm: unix.ByteSliceToString(b[aoGetAlgorithm:aoGetKey]),
		Key:       b[aoGetKey:][:min(int(ids[5]), aoMaxKeyLen)],
		IsCurrent: bits&bitfield16(true) != 0,
		IsRNext:   bits&bitfield16(false, true) != 0,
		SendID:    ids[0], RecvID: ids[1], MACLen: ids[3], Flags: ids[4],
		Ifindex: int(int32(native.Uint32(b[aoGetIfindex:]))),
		Good:    native.Uint64(b[aoGetCounters:]),
		Bad:     native.Uint64(b[aoGetCounters+8:]),
	}
}

// bitfield16 is bitfield32 for a 16-bit C bit-field.
func bitfield16(bits ...bool) uint16 {
	if bigEndian {
		return uint16(bitfield32(bits...) >> 16)
	}
	return uint16(bitfield32(bits...))
}
