package coverage

import (
	"net/netip"
	"strings"

	"github.com/tcplab/tcplab/labs/record"
)

// A change is one of a socket's state, and what came before it on the same host.
type change struct {
	from, to string
	by       string // "close" and other calls, "RST", "segment", "ICMP" or "timer"
	held     bool   // a program had the socket before
}

// facts are what a run has witnessed.
type facts struct {
	lab       string
	changes   []change
	mini      bool // a socket in FIN_WAIT2 became a mini-socket
	counters  map[string]bool
	errnos    map[[2]string]bool // call and errno
	options   map[string]bool
	sysctls   map[string]bool
	confirmed map[string]bool // claims
}

func factsOf(r *record.Run, sysctls []string) *facts {
	f := &facts{
		lab: r.Lab, counters: map[string]bool{}, errnos: map[[2]string]bool{},
		options: map[string]bool{}, sysctls: map[string]bool{}, confirmed: map[string]bool{},
	}
	for _, s := range sysctls {
		f.sysctls[s] = true
	}
	for _, host := range r.Counters {
		for name, n := range host {
			f.counters[name] = f.counters[name] || n > 0
		}
	}
	for _, c := range r.Claims {
		f.confirmed[c.ID] = c.Verdict == record.Confirmed
	}
	f.follow(r.Events)
	return f
}

type socket struct {
	host          string
	local, remote netip.AddrPort
}

// follow goes through the events of a run.
func (f *facts) follow(events []record.Event) {
	by := map[string]string{} // what happened last on a host
	last := map[socket]*record.State{}
	connecting := map[[2]string]bool{}
	for _, e := range events {
		switch v := e.Body.(type) {
		case *record.Call:
			by[v.Host] = v.Call
			f.call(v, connecting)
		case *record.Segment:
			if v.Fate != record.Delivered && v.Fate != record.Injected {
				continue
			}
			by[v.To] = "segment"
			if strings.Contains(v.Flags, "RST") {
				by[v.To] = "RST"
			}
		case *record.ICMP:
			by[v.To] = "ICMP"
		case *record.Wait:
			by[v.Host] = "timer"
		case *record.State:
			k := socket{v.Host, v.Local, v.Remote}
			before := last[k]
			last[k] = v
			if v.From != v.To {
				f.changes = append(f.changes, change{v.From, v.To, by[v.Host], before != nil && before.Descriptor})
			}
			if v.From == record.FinWait2 && v.To == v.From && v.Timer == "timewait" && before.Timer != v.Timer {
				f.mini = true
			}
		}
	}
}

// call takes in a system call. What connect returns later is asked for by SO_ERROR.
func (f *facts) call(c *record.Call, connecting map[[2]string]bool) {
	if c.Call == "sysctl" && len(c.Args) > 0 {
		key, _, _ := strings.Cut(c.Args[0], "=")
		f.sysctls[key] = true
	}
	if c.Errno != "" {
		f.errnos[[2]string{c.Call, c.Errno}] = true
	}
	if len(c.Args) == 0 {
		return
	}
	fd := [2]string{c.Host, c.Args[0]}
	switch c.Call {
	case "connect":
		connecting[fd] = c.Errno == "EINPROGRESS"
	case "setsockopt", "getsockopt":
		for _, a := range c.Args[1:] {
			f.options[a] = true
		}
		if outcome := c.Args[len(c.Args)-1]; f.options["SO_ERROR"] && connecting[fd] && strings.HasPrefix(outcome, "[E") {
			f.errnos[[2]string{"connect", strings.Trim(outcome, "[]")}] = true
		}
	}
}

// moved is the test for a change of state that one of these has brought about, or
// anything. From "" is a socket that was not there.
func moved(from, to string, by ...string) func(*facts) bool {
	return func(f *facts) bool {
		for _, c := range f.changes {
			if c.from == from && c.to == to && c.isBy(by) {
				return true
			}
		}
		return false
	}
}

func (c change) isBy(by []string) bool {
	for _, b := range by {
		if c.by == b {
			return true
		}
	}
	return len(by) == 0
}

// counted is the test for a counter that has risen.
func counted(name string) func(*facts) bool { return func(f *facts) bool { return f.counters[name] } }

// judged is the test for a claim that a lab has confirmed: for what is no change of a
// state.
func judged(lab, claim string) func(*facts) bool {
	return func(f *facts) bool { return f.lab == lab && f.confirmed[claim] }
}

// request is the test for the end of a half-open connection that no program holds.
func request(by string) func(*facts) bool {
	return func(f *facts) bool {
		for _, c := range f.changes {
			if c.from == record.SynRecv && c.to == record.Close && c.by == by && !c.held {
				return true
			}
		}
		return false
	}
}

// crossed is the test for the end of a simultaneous open.
func crossed(f *facts) bool {
	for _, c := range f.changes {
		if c.from == record.SynRecv && c.to == record.Close && c.held {
			return true
		}
	}
	return false
}

func anyOf(tests ...func(*facts) bool) func(*facts) bool {
	return func(f *facts) bool {
		for _, t := range tests {
			if t(f) {
				return true
			}
		}
		return false
	}
}

// aborted is the test for a close that resets. Over the loopback interface an ordinary
// close may be over before anybody looks; only the counters tell the two apart.
func aborted(from string) func(*facts) bool {
	return func(f *facts) bool {
		return moved(from, record.Close, "close")(f) && (f.counters["TCPAbortOnClose"] || f.counters["TCPAbortOnData"])
	}
}
