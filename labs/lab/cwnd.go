package lab

import "github.com/tcplab/tcplab/labs/record"

// Cwnd looks at the socket's congestion window, in segments, as TCP_INFO has it. The
// record and the ladder tell where it has changed since the last look.
func (s *Sock) Cwnd() int {
	info, e := s.info(), s.End.rig
	e.ShowsWindow()
	if info.SndCwnd != s.cwnd {
		s.cwnd = info.SndCwnd
		s.program.run.add(&record.Window{
			Host: e.Host.Name, Socket: e.Name, Local: e.Local, Remote: e.Remote, Cwnd: info.SndCwnd, Ssthresh: info.SndSsthresh,
		})
	}
	return int(info.SndCwnd)
}
