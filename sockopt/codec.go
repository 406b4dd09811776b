package sockopt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// codec turns a Go value into setsockopt's bytes, and getsockopt's bytes into
// a Go value. A decode must stand any number of bytes: an older kernel may
// answer with fewer than this one.
type codec[T any] struct {
	size   int // of the buffer that getsockopt is offered
	encode func(T) ([]byte, error)
	decode func([]byte) (T, error)
	text   func(T) string
}

// queryCodec turns a question into the buffer that getsockopt reads it from,
// and the same buffer, filled by the kernel, into the answer.
type queryCodec[Q, A any] struct {
	question func(Q) ([]byte, error)
	answer   func([]byte) (A, error)

	// record is what to tell the kernel as the buffer's length where it means
	// one record of several that lie in the buffer; 0 for all of the buffer.
	record int
}

var (
	errRange = errors.New("out of the range of the kernel's type")
	errShort = errors.New("getsockopt: answer too short")
)

var native = binary.NativeEndian

// The kernel's int, in the Go types that fit its meaning.
var (
	integer  = number[int](math.MinInt32, math.MaxInt32)
	unsigned = number[uint32](0, math.MaxUint32)
)

// number is a codec for a C int or unsigned int. lo and hi are what the four
// bytes can hold, not what the option allows: that is for the kernel to say.
func number[T ~int | ~int32 | ~uint32](lo, hi int64) codec[T] {
	return codec[T]{
		size: 4,
		encode: func(v T) ([]byte, error) {
			if int64(v) < lo || int64(v) > hi {
				return nil, errRange
			}
			return native.AppendUint32(nil, uint32(v)), nil
		},
		decode: func(b []byte) (T, error) {
			if len(b) < 4 {
				return 0, errShort
			}
			if lo < 0 {
				return T(int32(native.Uint32(b))), nil
			}
			return T(native.Uint32(b)), nil
		},
		text: func(v T) string { return fmt.Sprint(v) },
	}
}

// enum is an int with names, which its String method gives.
func enum[T ~int]() codec[T] { return number[T](math.MinInt32, math.MaxInt32) }

// boolean is an int that is 0 or not. What a few options do with an int other
// than 0 and 1 is out of reach on purpose.
var boolean = codec[bool]{
	size: 4,
	encode: func(v bool) ([]byte, error) {
		if v {
			return integer.encode(1)
		}
		return integer.encode(0)
	},
	decode: func(b []byte) (bool, error) {
		v, err := integer.decode(b)
		return v != 0, err
	},
	text: func(v bool) string {
		if v {
			return "on"
		}
		return "off"
	},
}

var unsigned64 = codec[uint64]{
	size:   8,
	encode: func(v uint64) ([]byte, error) { return native.AppendUint64(nil, v), nil },
	decode: func(b []byte) (uint64, error) {
		if len(b) < 8 {
			return 0, errShort
		}
		return native.Uint64(b), nil
	},
	text: func(v uint64) string { return strconv.FormatUint(v, 10) },
}

// name is a string in a buffer of size bytes, which the kernel ends or fills
// up with NUL bytes.
func name(size int) codec[string] { //nolint:unparam // IFNAMSIZ and TCP_CA_NAME_MAX are different things, by chance of one size
	return codec[string]{
		size: size,
		encode: func(v string) ([]byte, error) {
			// The kernel would cut it: another name than the one asked for.
			if len(v) >= size || strings.ContainsRune(v, 0) {
				return nil, unix.EINVAL
			}
			return append([]byte(v), 0), nil
		},
		decode: func(b []byte) (string, error) { return unix.ByteSliceToString(b), nil },
		text:   strconv.Quote,
	}
}

// plain is a C structure that has the same layout as the Go structure T: no
// pointers, no bit-fields, no padding. What a short answer lacks stays zero.
func plain[T any]() codec[T] {
	var zero T
	size := int(unsafe.Sizeof(zero))
	return codec[T]{
		size: size,
		encode: func(v T) ([]byte, error) {
			return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&v)), size)...), nil
		},
		decode: func(b []byte) (T, error) {
			var v T
			copy(unsafe.Slice((*byte)(unsafe.Pointer(&v)), size), b)
			return v, nil
		},
		text: func(v T) string { return fmt.Sprintf("%+v", v) },
	}
}

// timeout is a struct timeval; zero is "wait for ever".
var timeout = codec[time.Duration]{
	size: int(unsafe.Sizeof(unix.Timeval{})),
	encode: func(v time.Duration) ([]byte, error) {
		if v < 0 {
			// The kernel takes a negative time, and never waits then. MSG_DONTWAIT
			// says that better; a negative Duration is a mistake in sums.
			return nil, errRange
		}
		// Rounds up to the microsecond, which must not overflow: a nanosecond
		// does not become 0, no timeout at all, nor the longest time a negative.
		tv := unix.NsecToTimeval(int64(min(v, math.MaxInt64-time.Microsecond)))
		if tv.Sec < 0 {
			return nil, errRange // 68 years, where the kernel's long has 32 bits
		}
		return plain[unix.Timeval]().encode(tv)
	},
	decode: func(b []byte) (time.Duration, error) {
		tv, _ := plain[unix.Timeval]().decode(b)
		if int64(len(b)) < int64(unsafe.Sizeof(tv)) {
			return 0, errShort
		}
		if int64(tv.Sec) > math.MaxInt64/int64(time.Second)-1 { //nolint:unconvert // it has 32 bits on some machines
			return math.MaxInt64, nil
		}
		return time.Duration(tv.Nano()), nil
	},
	text: time.Duration.String,
}

// named is an int whose values have names.
func named(names map[int]string) codec[int] {
	c := integer
	c.text = func(v int) string {
		if n, ok := names[v]; ok {
			return n
		}
		return strconv.Itoa(v)
	}
	return c
}

// networkOrder copies four bytes from or to network byte order.
func networkOrder(b []byte) []byte {
	if len(b) < 4 {
		return b
	}
	return binary.BigEndian.AppendUint32(nil, native.Uint32(b))
}
