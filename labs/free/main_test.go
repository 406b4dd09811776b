package free

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/record"
)

func TestMain(m *testing.M) {
	if status, is := Main(); is {
		os.Exit(status)
	}
	if len(os.Args) > 2 && os.Args[1] == "program" {
		os.Exit(programMain(os.Args[2:]))
	}
	os.Exit(labtest.Main(m))
}

// programMain makes the test's binary one of the programs that are run:
//
//	http                  a server of Go's net/http, on port 80
//	get URL               its client: prints how many bytes came
//	send N [PIECE]        writes N bytes to server:80, in pieces, and then reads to the end
//	write N [PIECE]       writes N bytes to server:80, in pieces, and closes
//	quick N [PIECE]       send, with 300 ms to wait for an answer
//	take                  a server that reads one connection to its end, and closes it
//	give N PIECE          a server that waits for a byte and then writes N, in pieces
//	local                 a server that listens on the loopback interface alone
//	local4                a server that listens on IPv4 alone
//	refused               a client that is refused
//	udp                   sends a packet that nobody waits for
//	nobody                sends a packet to nobody
//	hold                  a server that accepts one connection and never closes it
func programMain(args []string) int {
	number := func(i int) int {
		n, _ := strconv.Atoi(args[i])
		return n
	}
	var err error
	switch args[0] {
	case "http":
		err = http.ListenAndServe(":80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, _ := strconv.Atoi(strings.Trim(r.URL.Path, "/"))
			_, _ = w.Write(make([]byte, n))
		}))
	case "get":
		err = get(args[1])
	case "send":
		err = onConn(dial, func(c net.Conn) error {
			return writeThenRead(c, number(1), number(2))
		})
	case "quick":
		err = onConn(dial, func(c net.Conn) error {
			_ = c.SetDeadline(time.Now().Add(300 * time.Millisecond))
			return writeThenRead(c, number(1), number(2))
		})
	case "write":
		err = onConn(dial, func(c net.Conn) error { return write(c, number(1), number(2)) })
	case "take":
		err = onConn(accept, func(c net.Conn) error {
			_, err := io.Copy(io.Discard, c)
			return err
		})
	case "give":
		err = onConn(accept, func(c net.Conn) error {
			if _, err := c.Read(make([]byte, 1)); err != nil {
				return err
			}
			return write(c, number(1), number(2))
		})
	case "local":
		err = http.ListenAndServe("127.0.0.1:80", nil)
	case "local4":
		var l net.Listener
		if l, err = net.Listen("tcp4", "0.0.0.0:80"); err == nil {
			err = http.Serve(l, nil)
		}
	case "refused":
		if _, err = dial(); errors.Is(err, syscall.ECONNREFUSED) {
			err = nil
		}
	case "udp":
		err = onConn(udp("server:9"), func(c net.Conn) error {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
				return fmt.Errorf("want it refused: %w", err)
			}
			return nil
		})
	case "nobody":
		err = onConn(udp("192.0.2.77:9"), func(net.Conn) error { return nil })
	case "hold":
		err = onConn(accept, func(net.Conn) error { time.Sleep(time.Hour); return nil })
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func get(url string) error {
	r, err := http.Get(url)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, r.Body)
	fmt.Println(n, "bytes")
	return err
}

func dial() (net.Conn, error) { return net.Dial("tcp", "server:80") }

// udp sends an empty packet.
func udp(to string) func() (net.Conn, error) {
	return func() (net.Conn, error) {
		c, err := net.Dial("udp", to)
		if err == nil {
			_, err = c.Write(nil)
		}
		return c, err
	}
}

func accept() (net.Conn, error) {
	l, err := net.Listen("tcp", ":80")
	if err != nil {
		return nil, err
	}
	return l.Accept()
}

func onConn(get func() (net.Conn, error), do func(net.Conn) error) error {
	c, err := get()
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

func write(c net.Conn, n, piece int) error {
	for ; n > 0; n -= piece {
		if _, err := c.Write(make([]byte, min(n, piece))); err != nil {
			return err
		}
	}
	return nil
}

func writeThenRead(c net.Conn, n, piece int) error {
	if err := write(c, n, piece); err != nil {
		return err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c)
	return err
}

// own is a command of programMain's, for the shell or not.
func own(words ...string) []string {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return append([]string{self, "program"}, words...)
}

func ownServer(words ...string) string { return commandText(own(words...)) }

// rules reads rules.
func rules(t *testing.T, texts ...string) []*Rule {
	t.Helper()
	var all []*Rule
	for _, text := range texts {
		r, err := ParseRule(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func expectations(t *testing.T, texts ...string) []*Expectation {
	t.Helper()
	var all []*Expectation
	for _, text := range texts {
		e, err := ParseExpectation(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// runs runs programs, and wants the instrument whole.
func runs(t *testing.T, o Options) *record.Run {
	t.Helper()
	if o.Output == nil {
		o.Output = func(host, line string) { t.Logf("%s: %.200s", host, line) }
	}
	if o.Timeout == 0 { // the machine may be busy
		o.Timeout = time.Minute
	}
	if o.Wait == 0 {
		o.Wait = time.Minute
	}
	return punctual(t, func() *record.Run {
		r, err := Run(t.Context(), o)
		labtest.SkipIfMissing(t, err)
		if err != nil {
			t.Fatal(err)
		}
		return r
	})
}

// held wants all claims of a run confirmed.
func held(t *testing.T, r *record.Run) {
	t.Helper()
	for _, c := range r.Claims {
		if c.Verdict != record.Confirmed {
			t.Errorf("%s: %s; seen %v", c.ID, c.Verdict, c.Evidence)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(segments(r), "\n"))
	}
}

// segments names the segments of a run in order: who has sent which, and what became
// of it.
func segments(r *record.Run) []string {
	var all []string
	for _, e := range r.Events {
		switch v := e.Body.(type) {
		case *record.Segment:
			name := v.From + ":" + v.Flags
			if v.Len > 0 {
				name += fmt.Sprintf(" data len=%d", v.Len)
			}
			if v.Retransmission {
				name += " again"
			}
			if v.Forged {
				name += " forged"
			}
			all = append(all, name+" "+string(v.Fate))
		case *record.Bulk:
			all = append(all, fmt.Sprintf("%s: %d counted, %d bytes", v.From, v.Segments, v.Bytes))
		}
	}
	return all
}

// has wants a segment of a run, as segments names it.
func has(t *testing.T, r *record.Run, want string) {
	t.Helper()
	if !slices.Contains(segments(r), want) {
		t.Errorf("no %q in\n%s", want, strings.Join(segments(r), "\n"))
	}
}

// exited is how a host's program has ended, "" where it has not.
func exited(r *record.Run, host string) string {
	for _, e := range r.Events {
		p, ok := e.Body.(*record.Program)
		switch {
		case !ok || p.Host != host:
		case p.Does == record.Exits:
			return strconv.Itoa(p.Status)
		case p.Does == record.Killed:
			return p.Signal
		}
	}
	return ""
}

// needs skips a test where a program is not there, and names it.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("TCPLAB_REQUIRE_PRIV") == "1" {
			t.Fatalf("TCPLAB_REQUIRE_PRIV is set, and %s is missing", name)
		}
		t.Skipf("needs %s", name)
	}
}
