package machine

import (
	"github.com/tcplab/tcplab/labs/internal/netns"
	"github.com/tcplab/tcplab/labs/internal/stack"
)

// InNamespace runs fn in a network namespace of its own, with nothing in it but
// a loopback interface that is down: for a look at sockets, without hosts or a
// wire. The error is a *MissingError where this machine does not allow it, and
// fn was not run then.
func InNamespace(fn func()) error {
	var err error
	netns.Do(func(t *netns.Thread) {
		ns, made := t.New()
		if made != nil {
			err = Missing(&stack.Error{Step: stack.Namespace, Err: made})
			return
		}
		defer ns.Close()
		fn()
	})
	return err
}
