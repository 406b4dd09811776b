package lab

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/sockopt"
)

// Set sets a socket option: setsockopt(2).
func Set[T any](s *Sock, option sockopt.Option[T], v T) {
	s.before(s.name, "setsockopt")
	s.must(sockopt.Set(s.fd, option, v))
	s.hasSet(option.Spec, v, nil)
}

// SetIP is Set for an option of IP's, which IPv4 and IPv6 have each: that of the family of
// the run's addresses.
func SetIP[T any](s *Sock, v4, v6 sockopt.Option[T], v T) {
	Set(s, PerFamily(s.script, v4, v6), v)
}

// TrySet is Set where it may be refused, of an option as the catalogue has it: v is of
// the type option.Value. The outcome is OK or the name of an errno.
func TrySet(s *Sock, option sockopt.Entry, v any) (outcome string) {
	s.before(s.name, "setsockopt")
	errno := s.refusal(option.Set(s.fd, v))
	s.hasSet(option.Spec, v, errno)
	return outcomeOf(errno)
}

// hasSet takes in what setsockopt has done.
func (s *Sock) hasSet(option sockopt.Spec, v any, errno error) {
	result := 0
	if errno != nil {
		result = -1
	} else {
		s.linger = s.linger || option.Name == sockopt.Linger.Name
	}
	s.call("setsockopt", result, errno, []string{s.arg(), option.Level.String(), option.Name, fmt.Sprintf("[%v]", v)}, refusals(errno)...)
	s.acted()
}

// Get reads a socket option: getsockopt(2).
func Get[T any](s *Sock, option sockopt.Option[T]) T {
	s.before(s.name, "getsockopt")
	v, err := sockopt.Get(s.fd, option)
	s.must(err)
	s.hasGot(option.Spec, v, nil)
	return v
}

// HasOption reports whether this kernel has a socket option. Like State it only looks.
func HasOption[T any](s *Sock, option sockopt.Option[T]) bool {
	_, err := sockopt.Get(s.fd, option)
	return s.refusal(err) == nil
}

// TryGet is Get where it may be refused, of an option as the catalogue has it: question
// is of the type option.Question, and nil for an option that has none. The outcome is OK
// or the name of an errno.
func TryGet(s *Sock, option sockopt.Entry, question any) (v any, outcome string) {
	s.before(s.name, "getsockopt")
	v, err := option.Get(s.fd, question)
	errno := s.refusal(err)
	s.hasGot(option.Spec, v, errno)
	return v, outcomeOf(errno)
}

// hasGot takes in what getsockopt has said.
func (s *Sock) hasGot(option sockopt.Spec, v any, errno error) {
	args := []string{s.arg(), option.Level.String(), option.Name}
	result := -1
	if errno == nil {
		args, result = append(args, "["+shown(v)+"]"), 0
	}
	s.call("getsockopt", result, errno, args, refusals(errno)...)
}

// shown is an option's value as the ladder has it: SO_ERROR's as the errno's name.
func shown(v any) string {
	if errno, ok := v.(unix.Errno); ok {
		if errno == 0 {
			return "0"
		}
		return unix.ErrnoName(errno)
	}
	if b, ok := v.([]byte); ok { // a packet, which differs from run to run
		return fmt.Sprintf("%d bytes", len(b))
	}
	return fmt.Sprint(v)
}

// refusal is the errno by which the kernel has refused, or nil. What is no refusal, as
// a value that no kernel could be asked for, ends the story.
func (s *Sock) refusal(err error) error {
	var errno unix.Errno
	switch {
	case err == nil:
		return nil
	case errors.As(err, &errno) && errno != unix.EBADF && errno != unix.EFAULT:
		return errno
	}
	s.program.run.fail(err)
	return nil
}

// refusals are the errnos that call is to expect.
func refusals(err error) []unix.Errno {
	if errno, ok := err.(unix.Errno); ok {
		return []unix.Errno{errno}
	}
	return nil
}

func outcomeOf(err error) string {
	if errno, ok := err.(unix.Errno); ok {
		return unix.ErrnoName(errno)
	}
	return OK
}
