package lab

import (
	"fmt"

	"github.com/tcplab/tcplab/labs/internal/tun"
)

// intact looks, when the story has been told, whether the host's interface has
// given the wire all that the host has sent. What it throws away (for lack of
// room, or because it is down) looks to a story as if it had never been sent.
func (h *Host) intact() error {
	if err := h.enter(); err != nil {
		return err
	}
	up, dropped, err := tun.Health(device)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", device, err)
	case !up:
		return fmt.Errorf("%s is down", device)
	case dropped > 0:
		return fmt.Errorf("%s has lost %d packets that the host has sent", device, dropped)
	}
	return nil
}
