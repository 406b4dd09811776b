// Package misuse holds what the types of package sockopt do not allow.
package misuse

import "github.com/tcplab/tcplab/sockopt"

func _(fd int) {
	_ = sockopt.Set(fd, sockopt.NoDelay, true)
	_ = sockopt.Set(fd, sockopt.NoDelay, 1)              // wrong
	_ = sockopt.Set(fd, sockopt.KeepIdle, 30)            // a constant takes the option's type
	_ = sockopt.Set(fd, sockopt.KeepIdle, "30")          // wrong
	_ = sockopt.Set(fd, sockopt.KeepIdle, 1.5)           // wrong
	_ = sockopt.Set(fd, sockopt.Linger, 5)               // wrong
	_ = sockopt.Set(fd, sockopt.Mark, -1)                // wrong
	_ = sockopt.Set(fd, sockopt.Error, 0)                // wrong
	_ = sockopt.Set(fd, sockopt.Info, sockopt.TCPInfo{}) // wrong
	_, _ = sockopt.Get(fd, sockopt.RcvBufForce)          // wrong
	_, _ = sockopt.Get(fd, sockopt.ZeroCopyReceive)      // wrong
	var s string
	s, _ = sockopt.Get(fd, sockopt.KeepIdle) // wrong
	_ = s
}
