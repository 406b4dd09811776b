package free

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplab/tcplab/labs/internal/pid1"
	"github.com/tcplab/tcplab/labs/internal/rig"
	"github.com/tcplab/tcplab/labs/record"
)

// A program is the user's program on a host, and the init around it.
type program struct {
	host    *rig.Host
	pid1    *pid1.Host
	command string // as it was typed
	ready   bool   // the init is
	started bool
	ended   bool
	status  int
	signal  string // what has killed it
	over    bool   // the init has ended
	why     string // it has failed
	output  sync.WaitGroup
	pipe    *os.File
}

// how says how the program has ended: a status, a signal, or that it has not.
func (p *program) how() string {
	switch {
	case !p.ended:
		return running
	case p.signal != "":
		return p.signal
	}
	return strconv.Itoa(p.status)
}

// failed reports whether the program has ended badly.
func (p *program) failed() bool { return p.ended && (p.status != 0 || p.signal != "") }

// settle starts the init of a host. The thread must be in the host's namespace.
func (r *run) settle(h *rig.Host, command string, stdin *os.File) (*program, error) {
	p := &program{host: h, command: command}
	mine, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	p.pipe = mine
	p.output.Go(func() { readLines(mine, func(line string) { r.output(h.Name, line) }) })
	p.pid1, err = pid1.Start(pid1.Config{
		Name: h.Name, Hosts: r.names(), Stdin: stdin, Output: theirs, Apart: h.Name == Server,
	})
	if err != nil {
		mine.Close()
		return nil, h.Wrap(err)
	}
	return p, nil
}

// names are the hosts' names and addresses, as /etc/hosts has them.
func (r *run) names() string {
	var text strings.Builder
	for _, h := range r.hosts() {
		fmt.Fprintf(&text, "%v %s\n", h.Addr(), h.Name)
	}
	return text.String()
}

func (r *run) output(host, line string) {
	if r.o.Output != nil {
		r.o.Output(host, line)
	}
}

// halfLine is how long the rest of a line may be in coming before what there is of it
// is told: it may be a question.
const halfLine = 100 * time.Millisecond

// maxLine is the longest line that is told in one piece.
const maxLine = 64 << 10

// readLines tells the lines that come through a pipe.
func readLines(pipe *os.File, tell func(string)) {
	defer pipe.Close()
	buf := make([]byte, maxLine)
	var rest []byte
	for {
		n, err := pipe.Read(buf)
		rest = append(rest, buf[:n]...)
		for {
			line, after, ok := strings.Cut(string(rest), "\n")
			if !ok {
				break
			}
			tell(strings.TrimSuffix(line, "\r"))
			rest = []byte(after)
		}
		halt := errors.Is(err, os.ErrDeadlineExceeded)
		if len(rest) > 0 && (err != nil || len(rest) >= maxLine) {
			tell(string(rest))
			rest = nil
		}
		if err != nil && !halt {
			return
		}
		_ = pipe.SetReadDeadline(time.Time{})
		if len(rest) > 0 {
			_ = pipe.SetReadDeadline(time.Now().Add(halfLine))
		}
	}
}

// start starts the program.
func (r *run) start(p *program, argv []string) error {
	p.started = true
	err := r.g.Journal.Add(&record.Program{Host: p.host.Name, Command: p.command, Does: record.Starts})
	if err != nil {
		return err
	}
	return p.host.Wrap(p.pid1.Run(argv))
}

// hear takes in what the init has to tell.
func (r *run) hear(p *program) error {
	for !p.over {
		h, any, err := p.pid1.Next()
		switch {
		case err != nil && r.ending:
			p.over = true
			return nil
		case err != nil:
			return p.host.Wrap(fmt.Errorf("the host's init: %w", err))
		case !any:
			return nil
		case h.Error != "":
			return p.host.Wrap(errors.New(h.Error))
		case h.Ready:
			p.ready = true
		case h.Ended:
			p.ended, p.status = true, h.Status
			e := &record.Program{Host: p.host.Name, Command: p.command, Does: record.Exits, Status: h.Status}
			if h.Signal != 0 {
				p.signal = unix.SignalName(h.Signal)
				e.Does, e.Signal = record.Killed, p.signal
			}
			if r.ending { // by us
				return nil
			}
			if err := r.g.Journal.Add(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// close ends what is left of the host's processes, and takes in the rest of their
// output. A descriptor of the pipe that has got out of the host does not hold it up.
func (p *program) close() {
	if p == nil {
		return
	}
	if p.pid1 != nil {
		p.pid1.Kill()
	}
	give := time.AfterFunc(time.Second, func() { _ = p.pipe.Close() })
	defer give.Stop()
	p.output.Wait()
}
