package lab

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/internal/sigmask"
	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/sockopt"
)

// Shutdown ends the sending direction: shutdown(2) with SHUT_WR.
func (s *Sock) Shutdown() { s.shutdown(unix.SHUT_WR, "SHUT_WR") }

// ShutdownRead ends the receiving direction: shutdown(2) with SHUT_RD.
func (s *Sock) ShutdownRead() { s.shutdown(unix.SHUT_RD, "SHUT_RD") }

func (s *Sock) shutdown(how int, name string) {
	s.before(s.name, "shutdown")
	s.call("shutdown", 0, unix.Shutdown(s.fd, how), []string{s.arg(), name})
	s.acted()
}

// Finish closes the descriptor, as Close does, and carries the FIN to the other side,
// with the acknowledgement that comes back: it waits for that where the other side's
// kernel puts it off. It returns the FIN.
func (s *Sock) Finish() *Segment {
	s.Close()
	return s.finAcked()
}

// TryFinish is Finish as far as it goes: it waits for nothing, and delivers the FIN and
// its acknowledgement if they are there.
func (s *Sock) TryFinish() {
	s.Close()
	s.script.Wire.Of(s).Deliver(s.program.Name()+":FIN,ACK", s.Peer().rig.Host.Name+":ACK")
}

// HalfClose is Finish with Shutdown for Close: the descriptor stays open, for reading. It
// returns the FIN.
func (s *Sock) HalfClose() *Segment {
	s.Shutdown()
	return s.finAcked()
}

// finAcked carries the FIN, and waits for its acknowledgement.
func (s *Sock) finAcked() *Segment {
	wire := s.script.Wire.Of(s)
	fin := wire.Next(s.program.Name() + ":FIN,ACK").Deliver()
	wire.Next(s.Peer().rig.Host.Name + ":ACK").Deliver()
	return fin
}

// Abort closes the descriptor so that the connection is reset: SO_LINGER with a time of
// 0, and close(2).
func (s *Sock) Abort() {
	Set(s, sockopt.Linger, sockopt.LingerValue{On: true})
	s.Close()
}

// Close closes the descriptor: close(2). With the last one of a socket SO_LINGER is
// off, as it is by default, unless the story has set it. With a time it may block,
// and the story with it: Took says for how long.
func (s *Sock) Close() {
	s.before(s.name, "close")
	var most time.Duration
	if s.fd != closed {
		*s.descriptors--
		if *s.descriptors == 0 {
			most = s.lingers()
		}
	}
	s.release(s)
	began := time.Now()
	err := s.closeWithin(most)
	took := time.Since(began)
	s.fd = closed
	s.call("close", 0, err, []string{s.arg()})
	s.acted()
	s.waited(took, most)
}

// lingers is for how long the last close of the socket may block.
func (s *Sock) lingers() time.Duration {
	if !s.linger {
		s.must(resetOnClose(s.fd, false))
		return 0
	}
	v, err := sockopt.Get(s.fd, sockopt.Linger)
	s.must(err)
	if !v.On {
		return 0
	}
	return time.Duration(v.Seconds) * time.Second
}

// closeWithin closes the descriptor, which may block for so long: the story means to
// wait then.
func (s *Sock) closeWithin(most time.Duration) error {
	if most == 0 {
		return unix.Close(s.fd)
	}
	r, g := s.program.run, s.program.run.rig
	g.Plan("close", time.Now().Add(most))
	defer g.Planned()
	e := s.end()
	if e != nil && (e.Seen.State == record.Established || e.Seen.State == record.CloseWait) {
		w := e.AwaitCall("close", most, r.options.OnWait)
		defer func() {
			_, err := w.Over()
			r.must(err)
		}()
	}
	var err error
	// A signal ends the wait: the Go runtime's own must not.
	s.must(sigmask.Blocked(func() { err = unix.Close(s.fd) }))
	return err
}

// waited breaks the run where a signal that nobody can block, such as one that stops
// the process, has ended close's wait: it returned before its time, and the kernel
// still awaits the ACK of the FIN (sk_stream_wait_close in net/core/stream.c).
func (s *Sock) waited(took, most time.Duration) {
	e := s.end()
	if most == 0 || e == nil || rig.InTime(took, most) {
		return
	}
	if st := e.Seen.State; st == record.FinWait1 || st == record.Closing || st == record.LastAck {
		s.program.run.fail(fmt.Errorf("%s: close(%s) was held up by a signal, and waited %v of %v", s.program.Name(), s.arg(), took.Round(time.Millisecond), most))
	}
}

// closeAll closes what the program holds. No close blocks.
func (p *program) closeAll() {
	for _, s := range p.socks {
		if s.linger {
			_ = resetOnClose(s.fd, true)
		}
		_ = unix.Close(s.fd)
	}
}
