package need

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// A skip hides a test, so only what is known to be a missing privilege may be one.
func TestLacking(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{fmt.Errorf("unshare: %w", unix.EPERM), true},
		{fmt.Errorf("/dev/net/tun: %w", unix.ENOENT), true},
		{unix.EACCES, true},
		{unix.EINVAL, false},
		{unix.EBADF, false},
		{errors.New("operation not permitted"), false},
	} {
		if got := lacking(test.err); got != test.want {
			t.Errorf("lacking(%v) = %v, want %v", test.err, got, test.want)
		}
	}
}
