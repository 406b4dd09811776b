package machine

import (
	"os"

	"github.com/tcplab/tcplab/labs/internal/tracepoint"
)

// What the environment of a program says of the virtual machine that it runs in.
const (
	// InGuest: the whole machine ends with the program, so nothing has to be cleaned up.
	InGuest = tracepoint.Unkept + "=1"
	// InVirtualTime: a wait takes no time.
	InVirtualTime = virtualTime + "=1"

	virtualTime = "TCPLAB_VIRTUAL_TIME"
)

// VirtualTime reports whether this machine's clock jumps to the next timer where nobody
// has anything to do, so that waiting takes no time.
func VirtualTime() bool { return os.Getenv(virtualTime) != "" }
