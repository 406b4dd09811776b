package step

import "github.com/tcplab/tcplab/labs/report"

// far is how many steps PgUp and PgDn go.
const far = 10

// press does what a key is for, by its name, and reports whether it leaves.
func (v *view) press(key string) (leave bool) {
	v.note = ""
	switch key {
	case "q", "esc", "ctrl+c":
		return true
	}
	if v.help { // any key takes the help away
		v.help = false
		return false
	}
	asked := v.asking
	v.asking = false // whatever comes, it is no answer, or the answer
	switch key {
	case "?":
		v.help, v.asking = true, asked
	case "i":
		shown := len(v.details()) > 0
		v.wanted, v.hidden, v.asking = !shown, shown, asked
	case "x":
		v.predict = !v.predict
	case "right", "l", "space", "enter":
		if v.predict && !asked && v.now+1 < len(v.steps) && v.steps[v.now+1].Asks != "" {
			v.asking = true
		} else {
			v.move(1)
		}
	case "left", "h", "backspace":
		if !asked { // from the question back to the step before it
			v.move(-1)
		}
	case "down", "pgdown":
		v.move(far)
	case "up", "pgup":
		v.move(-far)
	case "home", "g":
		v.move(-len(v.steps))
	case "end", "G":
		v.move(len(v.steps))
	case "n":
		v.jump(1, "segment", isSegment)
	case "N", "p":
		v.jump(-1, "segment", isSegment)
	case "d":
		v.jump(1, "drop", (*report.Step).Lost)
	case "D":
		v.jump(-1, "drop", (*report.Step).Lost)
	case "v":
		v.jump(1, "verdict", isVerdict)
	case "V":
		v.jump(-1, "verdict", isVerdict)
	}
	return false
}

func isSegment(s *report.Step) bool { return s.Kind == report.SegmentStep }
func isVerdict(s *report.Step) bool { return s.Kind == report.VerdictStep }

// move goes on by so many steps, or as far as there are any.
func (v *view) move(by int) {
	v.now = max(0, min(v.now+by, len(v.steps)-1))
}

// jump goes to the next step of a kind, forward or back; where there is none it
// stays, and says so.
func (v *view) jump(way int, what string, is func(*report.Step) bool) {
	for i := v.now + way; i >= 0 && i < len(v.steps); i += way {
		if is(&v.steps[i]) {
			v.now = i
			return
		}
	}
	v.note = "no " + what + " after this one"
	if way < 0 {
		v.note = "no " + what + " before this one"
	}
}
