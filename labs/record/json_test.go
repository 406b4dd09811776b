package record_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplab/tcplab/labs/record"
)

var (
	client = netip.MustParseAddrPort("192.0.2.1:40000")
	server = netip.MustParseAddrPort("192.0.2.2:80")
)

// full has every kind of event and every field.
func full() *record.Run {
	return &record.Run{
		Lab: "noaccept", Title: "A connection is established before accept is called",
		Outcome: record.Surprise, Error: "why it broke",
		Environment: record.Environment{
			Kernel: "6.18.44", Tcplab: "v1", Privilege: "userns", IPv6: true,
			Trace: []string{"inet_sock_set_state"}, TraceLacks: []string{"kfree_skb: reason"},
			Start: time.Date(2026, 2, 3, 4, 5, 6, 789_000, time.UTC),
			Hosts: []record.Host{
				{Name: "client", Addresses: []netip.Addr{client.Addr()}},
				{Name: "server", Addresses: []netip.Addr{server.Addr(), netip.MustParseAddr("2001:db8::2")}},
			},
			Sysctls: map[string]map[string]string{"client": {"net.ipv4.tcp_fin_timeout": "1"}, "server": {}},
		},
		States: record.Live,
		HeldUp: record.HoldUp{For: 3012 * time.Millisecond, Before: "server: close(4)"},
		Late: &record.Late{
			At: 1500 * time.Millisecond, Host: "client", Socket: "40000->80", Timer: "delack", By: 2972 * time.Millisecond, Before: "server: close(4)",
		},
		Args:    map[string]string{"n": "1"},
		Given:   []string{"--n=1"},
		Windows: true,
		Events: []record.Event{
			{At: 100 * time.Microsecond, Body: &record.Part{Title: "A handshake"}},
			{At: 512 * time.Microsecond, Body: &record.Call{Host: "server", Call: "listen", Args: []string{"3", "16"}, Result: "0"}},
			{At: 803 * time.Microsecond, Body: &record.Segment{
				From: "client", To: "server", Src: client, Dst: server, Flags: "SYN", Win: 64240, ECN: "CE", Urgent: 7, SACK: "5-9", Options: "mss 1460",
				Fate: record.Delivered, Retransmission: true, Cause: record.ByTimer, Forged: true, ID: 2, SentAt: 700 * time.Microsecond, Raw: []byte("E\x00\x00<"),
			}},
			{At: 810 * time.Microsecond, Body: &record.ICMP{
				To: "client", Src: netip.MustParseAddr("192.0.2.254"), Dst: client.Addr(), Type: 3, Code: 4, Says: "packet too big", MTU: 1280,
				About: 2, From: client, Dest: server, Raw: []byte("E\x00\x00<"),
			}},
			{At: 820 * time.Microsecond, Body: &record.State{
				Host: "server", Socket: "80<-40000", Local: server, Remote: client, To: "SYN_RECV", Timer: "retransmit", ExpiresMS: 1000, Descriptor: true,
			}},
			{At: 821 * time.Microsecond, Body: &record.State{
				Host: "server", Socket: ":80", Local: server, From: "LISTEN", To: "LISTEN", RQueue: 1, WQueue: 16, Retransmits: 2,
			}},
			{At: 822 * time.Microsecond, Body: &record.Counters{Host: "server", Rose: map[string]int64{"ListenOverflows": 1, "ListenDrops": 2}}},
			{At: time.Second, Body: &record.Wait{Host: "server", Socket: "80<-40000", Timer: "retransmit", For: "SYN,ACK again", LeftMS: 999, WaitedMS: 1001}},
			{At: 1100 * time.Millisecond, Body: &record.Kernel{
				Host: "server", Socket: "80<-40000", Event: record.SetState, From: "LISTEN", To: "SYN_RECV", Context: record.InSegment, ID: 3,
			}},
			{At: 1200 * time.Millisecond, Body: &record.Kernel{
				Host: "server", Event: record.SendReset, State: "CLOSE", Reason: "NO_SOCKET", Context: record.InTimer,
			}},
			{At: 2 * time.Second, Body: &record.VerdictGiven{Claim: "established-without-accept", Verdict: record.Refuted, Surprise: true}},
		},
		Claims: []record.Claim{{
			ID: "established-without-accept", Text: "Both ends are ESTABLISHED.", Source: "listen(2)", Truth: "no", Verdict: record.Refuted, Surprise: true,
			Reason: "none", Slow: true,
			Evidence: record.Evidence{{Name: "server", Value: "SYN_RECV"}, {Name: "client", Value: int64(-7)}, {Name: "accepted", Value: false}},
			Expected: record.Evidence{{Name: "server", Value: "ESTABLISHED"}},
		}},
		Counters: map[string]map[string]int64{"server": {"ListenOverflows": 1}},
		Duration: 1810 * time.Microsecond,
	}
}

// The names and their order are a contract: see docs/json.md.
const fullJSON = `{"schema":"tcplab.run/2","lab":"noaccept","title":"A connection is established before accept is called",
"outcome":"surprise","error":"why it broke",
"environment":{"kernel":"6.18.44","tcplab":"v1","privilege":"userns","ipv6":true,
"start":"2026-02-03T04:05:06.000789Z","trace":["inet_sock_set_state"],"trace_lacks":["kfree_skb: reason"],
"hosts":[{"name":"client","addresses":["192.0.2.1"]},{"name":"server","addresses":["192.0.2.2","2001:db8::2"]}],
"sysctls":{"client":{"net.ipv4.tcp_fin_timeout":"1"},"server":{}}},
"states":"live","held_up":{"for_us":3012000,"before":"server: close(4)"},
"late":{"t_us":1500000,"host":"client","socket":"40000->80","timer":"delack","by_us":2972000,"before":"server: close(4)"},
"args":{"n":"1"},"given":["--n=1"],"windows":true,
"events":[{"t_us":100,"kind":"part","title":"A handshake"},
{"t_us":512,"kind":"call","host":"server","call":"listen","args":["3","16"],"result":"0","errno":""},
{"t_us":803,"kind":"segment","from":"client","to":"server","src":"192.0.2.1:40000","dst":"192.0.2.2:80","flags":"SYN","seq":0,"ack":0,
"win":64240,"len":0,"ecn":"CE","urg":7,"sack":"5-9","options":"mss 1460","fate":"delivered","retransmission":true,"cause":"timer","forged":true,"id":2,"raw":"RQAAPA==","sent_us":700},
{"t_us":810,"kind":"icmp","to":"client","src":"192.0.2.254","dst":"192.0.2.1","type":3,"code":4,"says":"packet too big","mtu":1280,"about":2,"from":"192.0.2.1:40000","dest":"192.0.2.2:80","raw":"RQAAPA=="},
{"t_us":820,"kind":"state","host":"server","socket":"80<-40000","local":"192.0.2.2:80","remote":"192.0.2.1:40000",
"from":"","to":"SYN_RECV","rqueue":0,"wqueue":0,"timer":"retransmit","expires_ms":1000,"retransmits":0,"descriptor":true},
{"t_us":821,"kind":"state","host":"server","socket":":80","local":"192.0.2.2:80",
"from":"LISTEN","to":"LISTEN","rqueue":1,"wqueue":16,"timer":"","expires_ms":0,"retransmits":2,"descriptor":false},
{"t_us":822,"kind":"counters","host":"server","rose":{"ListenDrops":2,"ListenOverflows":1}},
{"t_us":1000000,"kind":"wait","host":"server","socket":"80<-40000","timer":"retransmit","for":"SYN,ACK again","left_ms":999,"waited_ms":1001},
{"t_us":1100000,"kind":"kernel","host":"server","socket":"80<-40000","event":"inet_sock_set_state","from":"LISTEN","to":"SYN_RECV",
"context":"segment","id":3},
{"t_us":1200000,"kind":"kernel","host":"server","socket":"","event":"tcp_send_reset","state":"CLOSE","reason":"NO_SOCKET","context":"timer"},
{"t_us":2000000,"kind":"verdict","claim":"established-without-accept","verdict":"refuted","surprise":true}],
"claims":[{"id":"established-without-accept","text":"Both ends are ESTABLISHED.","source":"listen(2)","myth":false,"truth":"no",
"verdict":"refuted","surprise":true,"reason":"none","slow":true,
"evidence":{"server":"SYN_RECV","client":-7,"accepted":false},"expected":{"server":"ESTABLISHED"}}],
"counters":{"server":{"ListenOverflows":1}},"duration_us":1810}`

// addresses lets cmp compare them.
var addresses = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
}

func write(t testing.TB, r *record.Run) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteJSON(t *testing.T) {
	want := strings.ReplaceAll(fullJSON, "\n", "") + "\n"
	if diff := cmp.Diff(want, write(t, full())); diff != "" {
		t.Error("WriteJSON (-want +got):\n" + diff)
	}
}

func TestRoundTrip(t *testing.T) {
	text := write(t, full())
	var back record.Run
	if err := json.Unmarshal([]byte(text), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full(), &back, addresses); diff != "" {
		t.Error("read back (-want +got):\n" + diff)
	}
	if diff := cmp.Diff(text, write(t, &back)); diff != "" {
		t.Error("written again (-want +got):\n" + diff)
	}
}

// Nobody who reads a record should have to check for null.
func TestWriteJSONEmpty(t *testing.T) {
	r := &record.Run{Outcome: record.Expected, Events: []record.Event{{Body: &record.Call{}}, {Body: &record.Counters{}}}}
	r.Environment.Hosts = []record.Host{{Name: "client"}}
	text := write(t, r)
	if strings.Contains(text, "null") {
		t.Error("null in " + text)
	}
	r.Claims = []record.Claim{{Verdict: record.Confirmed}}
	if text := write(t, r); !strings.Contains(text, `"evidence":{}`) {
		t.Error("no evidence in " + text)
	}
	if r.Args != nil || r.Environment.Hosts[0].Addresses != nil ||
		r.Events[0].Body.(*record.Call).Args != nil || r.Events[1].Body.(*record.Counters).Rose != nil {
		t.Error("WriteJSON has changed the record")
	}
}

// What stands around the events is not told apart by its text.
func TestWriteJSONMark(t *testing.T) {
	const mark = `"events":[`
	r := full()
	r.Title, r.Args = mark, map[string]string{mark: mark}
	var back record.Run
	if err := json.Unmarshal([]byte(write(t, r)), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, &back, addresses); diff != "" {
		t.Error("read back (-want +got):\n" + diff)
	}
}

func TestWriteJSONRefuses(t *testing.T) {
	for name, r := range map[string]*record.Run{
		"an event without a body": {Events: []record.Event{{}}},
		"evidence of no type":     {Claims: []record.Claim{{Evidence: record.Evidence{{Name: "x", Value: make(chan int)}}}}},
	} {
		if err := r.WriteJSON(&bytes.Buffer{}); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	with := func(old, new string) string {
		if !strings.Contains(fullJSON, old) {
			t.Fatalf("no %s in the record", old)
		}
		return strings.Replace(fullJSON, old, new, 1)
	}
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "unexpected end"},
		{"no JSON", "A connection is established", "invalid character"},
		{"null", "null", `schema is ""`},
		{"an empty object", "{}", `schema is ""`},
		{"a list", "[]", "cannot unmarshal array"},
		{"two records", fullJSON + fullJSON, "after top-level value"},
		{"half a record", fullJSON[:500], "unexpected end"},
		{"another schema", with("tcplab.run/2", "tcplab.run/3"), `schema is "tcplab.run/3", want "tcplab.run/2"`},
		{"the first schema", with("tcplab.run/2", "tcplab.run/1"), `schema is "tcplab.run/1", want "tcplab.run/2"; it was written by an older tcplab`},
		{"no states", with(`"states":"live",`, ""), `unknown states ""`},
		{"unknown states", with(`"states":"live"`, `"states":"guessed"`), `unknown states "guessed"`},
		{"hosts without an order", with(`"hosts":[{"name":"client","addresses":["192.0.2.1"]},{"name":"server","addresses":["192.0.2.2","2001:db8::2"]}]`, `"hosts":{"client":"192.0.2.1"}`), "cannot unmarshal object"},
		{"a host's address that is none", with(`["192.0.2.1"]`, `["192.0.2.256"]`), "192.0.2.256"},
		{"an address without a port", with(`"src":"192.0.2.1:40000"`, `"src":"192.0.2.1"`), "not an ip:port"},
		{"a counter that is no number", with(`"ListenDrops":2`, `"ListenDrops":"2"`), "cannot unmarshal string"},
		{"an unknown kind", with(`"kind":"part"`, `"kind":"interlude"`), `unknown kind "interlude"`},
		{"no kind", with(`"kind":"part"`, `"kin":"part"`), `unknown kind ""`},
		{"an event that is null", with(`{"t_us":100,"kind":"part","title":"A handshake"}`, "null"), "event is null"},
		{"an event that is a number", with(`{"t_us":100,"kind":"part","title":"A handshake"}`, "1"), "cannot unmarshal number"},
		{"a field of the wrong type", with(`"len":0`, `"len":"0"`), "cannot unmarshal string"},
		{"a window that does not fit", with(`"win":64240`, `"win":70000`), "cannot unmarshal number 70000"},
		{"raw bytes that are no base64", with("RQAAPA==", "%"), "base64"},
		{"evidence that is a list", with(`{"server":"SYN_RECV","client":-7,"accepted":false}`, "[]"), "want an object"},
		{"evidence that is an object", with(`"client":-7`, `"client":{}`), "want a number, a string or a bool"},
		{"evidence that is null", with(`"client":-7`, `"client":null`), "want a number, a string or a bool"},
		{"evidence that is a fraction", with(`"client":-7`, `"client":0.5`), `evidence "client"`},
		{"an unknown outcome", with(`"outcome":"surprise"`, `"outcome":"great"`), `unknown outcome "great"`},
		{"an unknown verdict", with(`"verdict":"refuted","surprise":true,"reason"`, `"verdict":"maybe","surprise":true,"reason"`), `unknown verdict "maybe"`},
		{"an unknown verdict in an event", with(`"verdict":"refuted"`, `"verdict":"maybe"`), `unknown verdict "maybe"`},
		{"an unknown tracepoint", with("tcp_send_reset", "tcp_probe"), `unknown tracepoint "tcp_probe"`},
		{"an unknown context", with(`"context":"timer"`, `"context":"dream"`), `unknown context "dream"`},
		{"an unknown cause", with(`"cause":"timer"`, `"cause":"luck"`), `unknown cause "luck"`},
		{"an unknown timestamp", with(`"cause":"timer"`, `"timestamp":"late"`), `unknown timestamp "late"`},
		{"an unknown fate", with(`"fate":"delivered"`, `"fate":"eaten"`), `unknown fate "eaten"`},
	} {
		r := record.Run{Lab: "untouched"}
		err := json.Unmarshal([]byte(test.text), &r)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", test.name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error has several lines: %v", test.name, err)
		}
		if diff := cmp.Diff(record.Run{Lab: "untouched"}, r, addresses); diff != "" {
			t.Errorf("%s has changed the record (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestEvidence(t *testing.T) {
	want := record.Evidence{
		{Name: "z", Value: "9"}, {Name: "a", Value: int64(9)}, {Name: "m", Value: true},
		{Name: "large", Value: int64(1 << 62)}, {Name: "", Value: ""}, {Name: "a", Value: "a name twice"},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"z":"9","a":9,"m":true,"large":4611686018427387904,"":"","a":"a name twice"}`; string(text) != want {
		t.Errorf("evidence is %s, want %s", text, want)
	}
	var got record.Evidence
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("read back (-want +got):\n" + diff)
	}
}

func TestIsSurprise(t *testing.T) {
	for _, test := range []struct {
		verdict record.Verdict
		myth    bool
		want    bool
	}{
		{record.Confirmed, false, false},
		{record.Refuted, false, true},
		{record.Confirmed, true, true},
		{record.Refuted, true, false},
		{record.Inapplicable, false, false},
		{record.Inapplicable, true, false},
		{record.VerdictBroken, false, false},
		{record.VerdictBroken, true, false},
	} {
		if got := test.verdict.IsSurprise(test.myth); got != test.want {
			t.Errorf("%s, myth %v: IsSurprise = %v", test.verdict, test.myth, got)
		}
	}
}

// A record of anybody's, printed as JSON on a terminal, makes it do nothing, and
// is the same record.
func TestJSONHarmless(t *testing.T) {
	const evil = "\x1b[2J\a\x7f\u009b31m\u202egnirts\u2066\u200b\ufeff\U000e0041 日本 …\u00a0💥"
	r := &record.Run{
		Title: evil, Outcome: record.Expected, States: record.Stepped,
		Events: []record.Event{{Body: &record.Call{Host: evil, Args: []string{evil}}}},
	}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	for _, c := range strings.TrimSuffix(b.String(), "\n") {
		if !unicode.IsPrint(c) {
			t.Errorf("%U is in %q", c, b.String())
		}
	}
	var got record.Run
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if call := got.Events[0].Body.(*record.Call); got.Title != evil || call.Host != evil || call.Args[0] != evil {
		t.Errorf("%q became %q, %q", evil, got.Title, call.Host)
	}
}
