package segment

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Rewrite returns the packet with its TCP header as change leaves it, lengths
// and checksums made right again. All that stands before the TCP header stays.
func Rewrite(raw []byte, change func(*layers.TCP)) ([]byte, error) {
	raw = slices.Clone(raw) // change may write into what the header points to
	d := NewDecoder()
	if _, _, err := d.parse(raw); err != nil {
		return nil, err
	}
	var network gopacket.NetworkLayer = &d.ip4
	end := int(d.ip4.Length)
	if raw[0]>>4 == 6 {
		network, end = &d.ip6, ip6Header+int(d.ip6.Length)
	}
	header := raw[:end-len(d.tcp.Contents)-len(d.tcp.Payload)]
	payload := gopacket.Payload(d.tcp.Payload)

	change(&d.tcp)
	if err := d.tcp.SetNetworkLayerForChecksum(network); err != nil {
		return nil, err
	}
	out := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(out, options, &d.tcp, payload); err != nil {
		return nil, err
	}
	whole := slices.Concat(header, out.Bytes())
	if len(whole) > math.MaxUint16 {
		return nil, fmt.Errorf("packet of %d bytes is too long", len(whole))
	}
	setLength(whole)
	return whole, nil
}

const ip6Header = 40

// setLength writes a packet's length into its IP header and, for IPv4, the
// header's checksum.
func setLength(packet []byte) {
	if packet[0]>>4 == 6 {
		binary.BigEndian.PutUint16(packet[4:], uint16(len(packet)-ip6Header))
		return
	}
	binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
	header := packet[:int(packet[0]&0xf)*4]
	binary.BigEndian.PutUint16(header[10:], 0)
	sum := gopacket.ComputeChecksum(header, 0)
	binary.BigEndian.PutUint16(header[10:], gopacket.FoldChecksum(sum))
}
