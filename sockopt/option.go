package sockopt

import (
	"cmp"
	"fmt"
	"syscall"
)

// Option is a socket option that can be read and set. T is the Go type of its
// value.
type Option[T any] struct {
	Spec
	codec codec[T]
}

// ReadOnly is a socket option that setsockopt refuses.
type ReadOnly[T any] struct {
	Spec
	codec codec[T]
}

// SetOnly is a socket option that getsockopt refuses.
type SetOnly[T any] struct {
	Spec
	codec codec[T]
}

// Query is a socket option whose getsockopt reads a question Q out of the
// buffer before it writes the answer A into it.
type Query[Q, A any] struct {
	Spec
	codec queryCodec[Q, A]
}

// Readable is an option that [Get] accepts: an [Option] or a [ReadOnly].
type Readable[T any] interface {
	readable() (Spec, codec[T])
}

// Settable is an option that [Set] accepts: an [Option] or a [SetOnly].
type Settable[T any] interface {
	settable() (Spec, codec[T])
}

func (o Option[T]) readable() (Spec, codec[T])   { return o.Spec, o.codec }
func (o Option[T]) settable() (Spec, codec[T])   { return o.Spec, o.codec }
func (o ReadOnly[T]) readable() (Spec, codec[T]) { return o.Spec, o.codec }
func (o SetOnly[T]) settable() (Spec, codec[T])  { return o.Spec, o.codec }

// Get reads an option of the socket fd.
func Get[T any](fd int, o Readable[T]) (T, error) {
	spec, c := o.readable()
	buf := make([]byte, c.size)
	n, err := getsockopt(fd, spec, buf, c.size)
	if err != nil {
		var zero T
		return zero, fmt.Errorf("%s: %w", spec.Name, err)
	}
	v, err := c.decode(buf[:n])
	if err != nil {
		return v, fmt.Errorf("%s: %w", spec.Name, err)
	}
	return v, nil
}

// Set sets an option of the socket fd.
func Set[T any](fd int, o Settable[T], v T) error {
	spec, c := o.settable()
	b, err := c.encode(v)
	if err == nil {
		err = setsockopt(fd, spec, b)
	}
	if err != nil {
		return fmt.Errorf("%s=%s: %w", spec.Name, c.text(v), err)
	}
	return nil
}

// Ask reads an option of the socket fd that has to be told what to answer.
func Ask[Q, A any](fd int, o Query[Q, A], q Q) (A, error) {
	var zero A
	buf, err := o.codec.question(q)
	if err == nil {
		optlen := cmp.Or(o.codec.record, len(buf))
		_, err = getsockopt(fd, o.Spec, buf, optlen)
	}
	if err != nil {
		return zero, fmt.Errorf("%s: %w", o.Name, err)
	}
	a, err := o.codec.answer(buf)
	if err != nil {
		return zero, fmt.Errorf("%s: %w", o.Name, err)
	}
	return a, nil
}

// GetRaw is [Get] on a raw connection.
func GetRaw[T any](c syscall.RawConn, o Readable[T]) (T, error) {
	var v T
	var err error
	if ctl := c.Control(func(fd uintptr) { v, err = Get(int(fd), o) }); ctl != nil {
		err = ctl
	}
	return v, err
}

// SetRaw is [Set] on a raw connection, as a net.ListenConfig's or net.Dialer's
// Control function receives it, before bind or connect.
func SetRaw[T any](c syscall.RawConn, o Settable[T], v T) error {
	var err error
	if ctl := c.Control(func(fd uintptr) { err = Set(int(fd), o, v) }); ctl != nil {
		err = ctl
	}
	return err
}

// GetConn is [Get] on whatever has a file descriptor: a *net.TCPConn, a
// *net.TCPListener, an *os.File.
func GetConn[T any](c syscall.Conn, o Readable[T]) (T, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		var zero T
		return zero, err
	}
	return GetRaw(raw, o)
}

// SetConn is [Set] on whatever has a file descriptor: a *net.TCPConn, a
// *net.TCPListener, an *os.File.
func SetConn[T any](c syscall.Conn, o Settable[T], v T) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return SetRaw(raw, o, v)
}
