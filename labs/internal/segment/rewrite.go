package segment

import (
	"fmt"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Rewrite returns the packet with its TCP header as change leaves it, lengths
// and checksums made right again.
func Rewrite(raw []byte, change func(*layers.TCP)) ([]byte, error) {
	if len(raw) == 0 {
		return nil, ErrNotTCP
	}
	first := layers.LayerTypeIPv4
	if raw[0]>>4 == 6 {
		first = layers.LayerTypeIPv6
	}
	packet := gopacket.NewPacket(raw, first, gopacket.Default)
	if failure := packet.ErrorLayer(); failure != nil {
		return nil, fmt.Errorf("packet of %d bytes: %w", len(raw), failure.Error())
	}
	tcp, ok := packet.TransportLayer().(*layers.TCP)
	if !ok {
		return nil, ErrNotTCP
	}
	network, ok := packet.NetworkLayer().(gopacket.SerializableLayer)
	if !ok {
		return nil, ErrNotTCP
	}
	payload := gopacket.Payload(tcp.Payload)
	change(tcp)
	if err := tcp.SetNetworkLayerForChecksum(packet.NetworkLayer()); err != nil {
		return nil, err
	}
	out := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(out, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, network, tcp, payload)
	return out.Bytes(), err
}
