package lab

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ofTransfer are the errnos that write and read may have: the call's own, and those
// that a socket keeps for the next call on it.
var ofTransfer = []unix.Errno{
	unix.EAGAIN, unix.EPIPE, unix.ENOTCONN, unix.ECONNRESET, unix.ECONNABORTED, unix.ECONNREFUSED, unix.ETIMEDOUT,
	unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENOPROTOOPT, unix.EPROTO,
}

// Write writes data, all of which the kernel must take, each piece by a call of its own:
// write(2).
func (s *Sock) Write(pieces ...string) {
	for _, data := range pieces {
		if outcome := s.TryWrite(data); outcome != OK {
			s.refused("write", outcome)
		}
	}
}

// TryWrite is Write where it may be refused. The outcome is OK or the name of
// an errno.
func (s *Sock) TryWrite(data string) (outcome string) {
	n, outcome := s.WriteSome(data)
	if outcome == OK && n != len(data) {
		s.fail("write", fmt.Sprintf("the kernel took %d of %d bytes", n, len(data)))
	}
	return outcome
}

// WriteSome is TryWrite where the kernel may take a part of the data: it took n
// bytes.
func (s *Sock) WriteSome(data string) (n int, outcome string) {
	s.before(s.name, "write")
	n, err := unix.Write(s.fd, []byte(data))
	errno := s.call("write", n, err, []string{s.arg(), quote(data), strconv.Itoa(len(data))},
		ofTransfer...)
	s.acted()
	if errno != 0 {
		return 0, unix.ErrnoName(errno)
	}
	return n, OK
}

// Send writes data and carries it to the other side, with the acknowledgement
// that comes back: it waits for that where the other side's kernel puts it off.
func (s *Sock) Send(data string) {
	s.Write(data)
	wire := s.script.Wire.Of(s)
	for s.Unacknowledged() > 0 {
		wire.Next(s.program.Name() + ":data").Deliver()
		if !wire.has(s.program.Name() + ":data") {
			wire.Next(s.Peer().rig.Host.Name + ":ACK").Deliver()
		}
	}
}

// TrySend is Send as far as it goes: it waits for nothing, and delivers the data's segment
// and its acknowledgement if they are there. The outcome is that of TryWrite.
func (s *Sock) TrySend(data string) (outcome string) {
	outcome = s.TryWrite(data)
	s.script.Wire.Of(s).Deliver(s.program.Name()+":data", s.Peer().rig.Host.Name+":ACK")
	return outcome
}

// Read waits for something to read and reads it: read(2). It returns "" at the
// end of the stream.
func (s *Sock) Read() string {
	inVain := s.program.run.rig.Expect("data")
	s.ready(unix.POLLIN, s.program.run.rig.Deadline())
	data, outcome := s.TryRead()
	if outcome != OK {
		inVain()
		s.refused("read", outcome)
	}
	return data
}

// TryRead is Read without waiting. The outcome is OK or the name of an errno.
func (s *Sock) TryRead() (data, outcome string) { return s.TryReadSome(4096) }

// Reads is TryRead in one value: the data, EOF at the end of the stream, or the name of
// an errno.
func (s *Sock) Reads() string {
	data, outcome := s.TryRead()
	switch {
	case outcome != OK:
		return outcome
	case data == "":
		return EOF
	}
	return data
}

// EOF is what Reads returns at the end of the stream, where read(2) returns 0.
const EOF = "end of stream"

// maxRead is how many bytes one call reads at most.
const maxRead = 1 << 24

// TryReadSome is TryRead of at most n bytes.
func (s *Sock) TryReadSome(n int) (data, outcome string) {
	if n < 0 || n > maxRead {
		s.fail("read", fmt.Sprintf("%d is no number of bytes to read at once: they are 0 to %d", n, maxRead))
	}
	s.before(s.name, "read")
	buf := make([]byte, n)
	got, err := unix.Read(s.fd, buf)
	data = string(buf[:max(got, 0)])
	args := []string{s.arg(), quote(data), strconv.Itoa(n)}
	outcome = OK
	if errno := s.call("read", got, err, args, ofTransfer...); errno != 0 {
		outcome = unix.ErrnoName(errno)
	}
	s.acted()
	return data, outcome
}

// Drain reads until there is nothing more to read, and returns all of it.
func (s *Sock) Drain() string {
	var all strings.Builder
	for s.Received() > 0 {
		data, _ := s.TryRead()
		all.WriteString(data)
	}
	return all.String()
}
