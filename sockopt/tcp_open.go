package sockopt

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// DeferAccept (TCP_DEFER_ACCEPT) makes a listener report a connection when data
// arrives, not when the handshake is done; the peer's bare ACK is ignored. The
// time is kept as a number of SYN-ACK retransmissions: it is rounded up to 1, 3,
// 7, 15, 31, 63, 127, then in steps of 120, and reads back rounded. When they are
// used up, the next ACK completes the handshake without data. Zero or a
// negative value is off.
//
// Default 0. tcp(7); secs_to_retrans, retrans_to_secs (net/ipv4/tcp.c).
var DeferAccept Option[int] = readWrite(integer, Spec{
	Name: "TCP_DEFER_ACCEPT", Level: LevelTCP, Number: unix.TCP_DEFER_ACCEPT,
	Unit: "seconds", Since: "2.4",
})

// FastOpen (TCP_FASTOPEN) lets a listener take data in the SYN, for as many
// connections at a time whose handshake is not complete. It is cut to
// net.core.somaxconn. The tcp_fastopen sysctl must have the bit 0x2 as well.
// EINVAL for a negative value, and for a socket that is neither closed nor
// listening.
//
// Default 0. ip-sysctl; do_tcp_setsockopt, fastopen_queue_tune.
var FastOpen Option[int] = readWrite(integer, Spec{
	Name: "TCP_FASTOPEN", Level: LevelTCP, Number: unix.TCP_FASTOPEN,
	Unit: "connections", Range: "0 to 2147483647", Since: "3.7",
})

// FastOpenConnect (TCP_FASTOPEN_CONNECT) makes connect return at once where a
// Fast Open cookie is known, and the first write send the SYN with its data.
// EOPNOTSUPP where the tcp_fastopen sysctl lacks the bit 0x1, EINVAL after
// connect.
//
// Default off. do_tcp_setsockopt.
var FastOpenConnect Option[bool] = readWrite(boolean, Spec{
	Name: "TCP_FASTOPEN_CONNECT", Level: LevelTCP, Number: unix.TCP_FASTOPEN_CONNECT,
	Since: "4.11",
})

// FastOpenNoCookie (TCP_FASTOPEN_NO_COOKIE) does Fast Open without a cookie: a
// client sends data in any SYN, a listener takes it. EINVAL on a connection.
//
// Default off. do_tcp_setsockopt.
var FastOpenNoCookie Option[bool] = readWrite(boolean, Spec{
	Name: "TCP_FASTOPEN_NO_COOKIE", Level: LevelTCP, Number: unix.TCP_FASTOPEN_NO_COOKIE,
	Since: "4.15",
})

// FastOpenKeys are the keys that a listener makes Fast Open cookies with: the
// first makes and checks them, an optional second only checks them.
type FastOpenKeys [][16]byte

// String does not show the keys: they are secrets.
func (k FastOpenKeys) String() string { return fmt.Sprintf("%d keys", len(k)) }

// FastOpenKey (TCP_FASTOPEN_KEY) sets a listener's own keys in place of the
// namespace's, and gets the ones in force; none before the first use of Fast
// Open. This package refuses anything but one or two keys with EINVAL.
//
// ip-sysctl; tcp_fastopen_reset_cipher, tcp_fastopen_get_cipher.
var FastOpenKey Option[FastOpenKeys] = readWrite(codec[FastOpenKeys]{
	size: 2 * 16,
	encode: func(v FastOpenKeys) ([]byte, error) {
		if len(v) != 1 && len(v) != 2 {
			return nil, unix.EINVAL
		}
		var b []byte
		for _, key := range v {
			b = append(b, key[:]...)
		}
		return b, nil
	},
	decode: func(b []byte) (FastOpenKeys, error) {
		var keys FastOpenKeys
		for ; len(b) >= 16; b = b[16:] {
			keys = append(keys, [16]byte(b))
		}
		return keys, nil
	},
	text: FastOpenKeys.String,
}, Spec{
	Name: "TCP_FASTOPEN_KEY", Level: LevelTCP, Number: unix.TCP_FASTOPEN_KEY,
	Range: "1 or 2 keys of 16 bytes", Since: "4.15", Sysctl: "net.ipv4.tcp_fastopen_key",
})

// SaveSYN (TCP_SAVE_SYN) makes a listener keep the headers of each SYN, for
// [SavedSYN]. 1 keeps the IP and TCP headers, 2 the link layer's too (since
// Linux 5.10). EINVAL for other values.
//
// Default 0. do_tcp_setsockopt.
var SaveSYN Option[int] = readWrite(integer, Spec{
	Name: "TCP_SAVE_SYN", Level: LevelTCP, Number: unix.TCP_SAVE_SYN,
	Range: "0 to 2", Since: "4.2",
})

// SavedSYN (TCP_SAVED_SYN) is the headers of the SYN that opened an accepted
// connection, from the IP header on (see [SaveSYN]). Getting it frees it: a
// second time it is empty, as it is where none was kept.
//
// do_tcp_getsockopt.
var SavedSYN ReadOnly[[]byte] = readOnly(codec[[]byte]{
	// A short buffer is EINVAL. Headers fit the smallest of MTUs in practice;
	// this is room for a SYN with any extension headers that a path lets by.
	size:   4096,
	decode: func(b []byte) ([]byte, error) { return b, nil },
	text:   func(v []byte) string { return fmt.Sprintf("%d bytes", len(v)) },
}, Spec{
	Name: "TCP_SAVED_SYN", Level: LevelTCP, Number: unix.TCP_SAVED_SYN,
	Since: "4.2",
})
