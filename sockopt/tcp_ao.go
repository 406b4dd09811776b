package sockopt

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// The flags of a TCP-AO key (TCP_AO_KEYF_).
const (
	AOKeyIfindex    uint8 = 1 << 0 // the key is bound to the VRF of its Ifindex
	AOKeyExcludeOpt uint8 = 1 << 1 // other TCP options are not signed
)

// AOKey is a master key tuple of TCP-AO (RFC 5925), struct tcp_ao_add.
type AOKey struct {
	Peers      netip.Prefix // of the socket's family
	Algorithm  string       // of the kernel's crypto API: hmac(sha1), cmac(aes128), …
	SendID     uint8        // KeyID in segments sent
	RecvID     uint8        // KeyID in segments received
	MACLen     uint8        // bytes; 0 is 12
	Flags      uint8        // AOKeyIfindex, AOKeyExcludeOpt
	Ifindex    int          // of an L3 master device (VRF)
	SetCurrent bool         // send with this key from now on
	SetRNext   bool         // ask the peer to send with this key
	Key        []byte       // up to 80 bytes
}

// String does not show the key: it is a secret.
func (k AOKey) String() string {
	return fmt.Sprintf("%v, %s, ids %d/%d, key of %d bytes", k.Peers, k.Algorithm, k.SendID, k.RecvID, len(k.Key))
}

// AOAddKey (TCP_AO_ADD_KEY) adds a key of the TCP Authentication Option. The
// first must be there before connect or listen: EISCONN otherwise. EEXIST if a
// key of the peer has one of the ids, EKEYREJECTED if the peer has an MD5 key,
// EMSGSIZE if the code does not fit beside the other options, ENOENT for an
// unknown algorithm, EINVAL for a bad address or flag, ENOPROTOOPT in a kernel
// without CONFIG_TCP_AO.
//
// tcp_ao_add_cmd (net/ipv4/tcp_ao.c); Documentation/networking/tcp_ao.rst.
var AOAddKey SetOnly[AOKey] = setOnly(codec[AOKey]{encode: encodeAOKey, text: AOKey.String}, Spec{
	Name: "TCP_AO_ADD_KEY", Level: LevelTCP, Number: tcpAOAddKey,
	Range: "a key of up to 80 bytes", Since: "6.7",
}, make([]byte, 4))

const (
	aoAlgorithmLen = 64
	aoMaxKeyLen    = 80
)

func encodeAOKey(v AOKey) ([]byte, error) {
	if len(v.Key) > aoMaxKeyLen || len(v.Algorithm) >= aoAlgorithmLen {
		return nil, unix.EINVAL
	}
	b := sockaddrStorage(netip.AddrPortFrom(v.Peers.Addr(), 0))
	b = append(b, v.Algorithm...)
	b = append(b, make([]byte, aoAlgorithmLen-len(v.Algorithm))...)
	b = native.AppendUint32(b, uint32(v.Ifindex))
	b = native.AppendUint32(b, bitfield32(v.SetCurrent, v.SetRNext))
	b = append(b, 0, 0) // reserved
	b = append(b, prefixLen(v.Peers), v.SendID, v.RecvID, v.MACLen, v.Flags, uint8(len(v.Key)))
	b = append(b, v.Key...)
	return append(b, make([]byte, aoMaxKeyLen-len(v.Key))...), nil
}

// AODelete names a key to delete, and those to use in its place: struct
// tcp_ao_del.
type AODelete struct {
	Peers   netip.Prefix
	SendID  uint8
	RecvID  uint8
	Flags   uint8 // AOKeyIfindex
	Ifindex int
	Current *uint8 // SendID of the key to send with from now on
	RNext   *uint8 // RecvID of the key to ask the peer for
	Async   bool   // don't wait until no packet uses the key; listeners only
}

// AODelKey (TCP_AO_DEL_KEY) deletes a key. ENOENT if there is none, EBUSY if it
// is in use on a connection.
//
// tcp_ao_del_cmd, tcp_ao_delete_key (net/ipv4/tcp_ao.c).
var AODelKey SetOnly[AODelete] = setOnly(codec[AODelete]{
	encode: func(v AODelete) ([]byte, error) {
		b := sockaddrStorage(netip.AddrPortFrom(v.Peers.Addr(), 0))
		b = native.AppendUint32(b, uint32(v.Ifindex))
		b = native.AppendUint32(b, bitfield32(v.Current != nil, v.RNext != nil, v.Async))
		b = append(b, 0, 0) // reserved
		return append(b, prefixLen(v.Peers), v.SendID, v.RecvID, idOf(v.Current), idOf(v.RNext), v.Flags), nil
	},
	text: func(v AODelete) string { return fmt.Sprintf("%v, ids %d/%d", v.Peers, v.SendID, v.RecvID) },
}, Spec{
	Name: "TCP_AO_DEL_KEY", Level: LevelTCP, Number: tcpAODelKey,
	Since: "6.7",
}, make([]byte, 4))

// AOState is struct tcp_ao_info_opt: TCP-AO on one socket.
type AOState struct {
	Current     *uint8 // SendID of the key that signs what is sent; nil when setting: leave it
	RNext       *uint8 // RecvID of the key that the peer is asked for; nil when setting: leave it
	Required    bool   // don't accept connections without TCP-AO
	AcceptICMPs bool   // believe ICMP errors, which are not signed
	SetCounters bool   // when setting: the counters below too

	Good, Bad, KeyNotFound, Unsigned uint64 // segments: verified, not verified, of an unknown key, not signed
	DroppedICMPs                     uint64 // ICMP errors ignored
}

// AOInfo (TCP_AO_INFO) is TCP-AO's state on the socket. ENOENT if TCP-AO is not
// in use, or there is no key of that id; EKEYREJECTED to require it while there
// is a listener's MD5 key.
//
// tcp_ao_info_cmd, tcp_ao_get_sock_info (net/ipv4/tcp_ao.c).
var AOInfo Option[AOState] = readWrite(codec[AOState]{
	size: aoStateLen,
	encode: func(v AOState) ([]byte, error) {
		b := native.AppendUint32(nil, bitfield32(v.Current != nil, v.RNext != nil, v.Required, v.SetCounters, v.AcceptICMPs))
		b = append(b, 0, 0) // reserved
		b = append(b, idOf(v.Current), idOf(v.RNext))
		for _, n := range [...]uint64{v.Good, v.Bad, v.KeyNotFound, v.Unsigned, v.DroppedICMPs} {
			b = native.AppendUint64(b, n)
		}
		return b, nil
	},
	decode: func(b []byte) (AOState, error) {
		if len(b) < aoStateLen {
			return AOState{}, errShort
		}
		flags := native.Uint32(b)
		v := AOState{Required: bit32(flags, 2), AcceptICMPs: bit32(flags, 4)}
		if bit32(flags, 0) {
			v.Current = &[]uint8{b[6]}[0]
		}
		if bit32(flags, 1) {
			v.RNext = &[]uint8{b[7]}[0]
		}
		for i, n := range [...]*uint64{&v.Good, &v.Bad, &v.KeyNotFound, &v.Unsigned, &v.DroppedICMPs} {
			*n = native.Uint64(b[8+8*i:])
		}
		return v, nil
	},
	text: func(v AOState) string {
		return fmt.Sprintf("required %t, good %d, bad %d, no key %d, unsigned %d", v.Required, v.Good, v.Bad, v.KeyNotFound, v.Unsigned)
	},
}, Spec{
	Name: "TCP_AO_INFO", Level: LevelTCP, Number: tcpAOInfo,
	Since: "6.7",
})

const aoStateLen = 48

// AORepaired is struct tcp_ao_repair: what TCP-AO's signatures depend on.
type AORepaired struct {
	SndISN [4]byte // initial sequence number of this end, in network order
	RcvISN [4]byte // and of the peer
	SndSNE uint32  // sequence number extension (high 32 bits) of this end
	RcvSNE uint32  // and of the peer
}

// AORepair (TCP_AO_REPAIR) reads and restores what TCP-AO's signatures depend on,
// under [Repair]: EPERM otherwise, ENOENT if TCP-AO is not in use.
//
// tcp_ao_set_repair, tcp_ao_get_repair (net/ipv4/tcp_ao.c).
var AORepair Option[AORepaired] = readWrite(plain[AORepaired](), Spec{
	Name: "TCP_AO_REPAIR", Level: LevelTCP, Number: tcpAORepair,
	Since: "6.7", Needs: "CAP_NET_ADMIN",
})

// bitfield32 sets the first bits of a 32-bit C bit-field, which begins at the
// high end on a big-endian machine.
func bitfield32(bits ...bool) uint32 {
	var v uint32
	for i, set := range bits {
		if set {
			v |= mask32(i)
		}
	}
	return v
}

func bit32(v uint32, i int) bool { return v&mask32(i) != 0 }

func mask32(i int) uint32 {
	if bigEndian {
		return 1 << (31 - i)
	}
	return 1 << i
}

func idOf(id *uint8) uint8 {
	if id == nil {
		return 0
	}
	return *id
}

// prefixLen is 0 for no prefix, where Bits is -1.
func prefixLen(p netip.Prefix) uint8 { return uint8(max(p.Bits(), 0)) }
