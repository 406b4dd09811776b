package play

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/syntax"

	"github.com/tcplab/tcplab/labs/lab"
)

// What a story says of itself, by knob and hosts, is known before it is told. So it
// can't be computed.

// maxKnob bounds a knob that is a number and does not say how much it may be.
const maxKnob = 1 << 16

// maxAddresses bounds the addresses of a host.
const maxAddresses = 64

// declare puts into the lab what the story says of itself.
func (t *text) declare(l *lab.Lab) (err error) {
	seen := map[string]bool{}
	syntax.Walk(t.file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || err != nil {
			return err == nil
		}
		fn, ok := call.Fn.(*syntax.Ident)
		if !ok {
			return true
		}
		switch fn.Name {
		case "knob":
			var k lab.Knob
			if k, err = knobOf(call); err == nil && !seen[k.Name] {
				l.Knobs = append(l.Knobs, k)
			}
			seen[k.Name] = true
		case "hosts":
			err = setHosts(l, call)
		}
		if err != nil {
			pos, _ := call.Span()
			err = fmt.Errorf("%s:%d:%d: %w", t.name, pos.Line, pos.Col, err)
		}
		return true
	})
	return err
}

// written are the arguments of a call by their names, of which those without one have
// the names in order. It reports false where one is no plain number, string, True or
// False, or has no name.
func written(call *syntax.CallExpr, names ...string) (map[string]any, bool) {
	values := map[string]any{}
	for i, arg := range call.Args {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		if given, value := named(arg); given != "" {
			name, arg = given, value
		}
		minus := false
		if u, ok := arg.(*syntax.UnaryExpr); ok && u.Op == syntax.MINUS {
			minus, arg = true, u.X
		}
		switch v := arg.(type) {
		case *syntax.Literal:
			values[name] = v.Value
			if n, ok := v.Value.(int64); ok && minus {
				values[name] = -n
			} else if minus {
				return nil, false
			}
		case *syntax.Ident:
			if minus || v.Name != "False" && v.Name != "True" {
				return nil, false
			}
			values[name] = v.Name == "True"
		default:
			return nil, false
		}
		if name == "" {
			return nil, false
		}
	}
	return values, true
}

var errKnob = errors.New(`knob is written knob("name", 1, "what it says", min=0, max=100), knob("name", False, "what it does"), or knob("name", help="what it says", sysctl="server:net.core.somaxconn"), without variables`)

// knobOf reads a knob: a number, a switch that is off, or one that turns a sysctl.
func knobOf(call *syntax.CallExpr) (lab.Knob, error) {
	values, ok := written(call, "name", "default", "help")
	name, okName := values["name"].(string)
	help, okHelp := values["help"].(string)
	if !ok || !okName || !okHelp || name == "" || strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) {
		return lab.Knob{}, errKnob
	}
	number := func(key string, otherwise int64) int {
		if n, ok := values[key].(int64); ok {
			return int(n)
		}
		return int(otherwise)
	}
	if sysctl, ok := values["sysctl"].(string); ok {
		side, key, _ := strings.Cut(sysctl, ":")
		if side != "client" && side != "server" || !strings.HasPrefix(key, "net.") {
			return lab.Knob{}, errKnob
		}
		k := lab.Turns(name, sysctl, help)
		if def, ok := values["default"]; ok {
			k = k.Pin(fmt.Sprint(def))
		}
		return k, nil
	}
	switch def := values["default"].(type) {
	case bool:
		if !def {
			return lab.Switch(name, help), nil
		}
	case int64:
		k := lab.Number(name, int(def), number("min", min(0, def)), number("max", maxKnob), help)
		if k.Default < k.Min || k.Default > k.Max {
			return lab.Knob{}, fmt.Errorf("the knob %s is %d, and %d to %d are allowed", name, k.Default, k.Min, k.Max)
		}
		return k, nil
	}
	return lab.Knob{}, errKnob
}

// setHosts reads hosts(addresses=2, both_families=True, alone=True): what the hosts have
// beside one address each, and whether there is one host alone, the client.
func setHosts(l *lab.Lab, call *syntax.CallExpr) error {
	wrong := fmt.Errorf("hosts is written hosts(addresses=2, both_families=True, alone=True), with any of these, and up to %d addresses", maxAddresses)
	values, ok := written(call)
	if !ok {
		return wrong
	}
	for name, v := range values {
		n, isNumber := v.(int64)
		on, isSwitch := v.(bool)
		switch {
		case name == "addresses" && isNumber && n >= 1 && n <= maxAddresses:
			l.Addresses = int(n)
		case name == "both_families" && isSwitch:
			l.BothFamilies = on
		case name == "alone" && isSwitch:
			l.Alone = on
		default:
			return wrong
		}
	}
	return nil
}
