package lab

import (
	"net/netip"

	"github.com/tcplab/tcplab/labs/internal/sockdiag"
	"github.com/tcplab/tcplab/labs/internal/wire"
)

// Instruments are a host's, for tests that put faulty ones in their stead.
type Instruments = instruments

// A LookUp asks inet_diag.
type LookUp = func(local, remote netip.AddrPort) (s sockdiag.Socket, found bool, err error)

func (i *instruments) Device() wire.Device     { return i.device }
func (i *instruments) SetDevice(d wire.Device) { i.device = d }
func (i *instruments) LookUp() LookUp          { return i.lookUp }
func (i *instruments) SetLookUp(f LookUp)      { i.lookUp = f }

// Faulty returns options with which change gets at each host's instruments
// before the story begins.
func Faulty(o Options, change func(host string, i *Instruments)) Options {
	o.faulty = change
	return o
}
