package programs

import (
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/record"
)

// A socket that two descriptors refer to.
var sharedFD = lab.Lab{
	Name:  "sharedfd",
	Title: "close sends a FIN only for the last descriptor of a socket; shutdown acts for all",
	Look:  "the close that sends nothing, and the shutdown that does",
	Long: `A descriptor is a number that refers to a socket; dup makes another one that refers to
the same, and so does fork, for the child. close gives up one number. As long as another
one is left, perhaps in a child process that nobody thinks of, the kernel sends no FIN:
the program has closed, and the client waits for ever. shutdown is about the connection
itself, whoever holds it. The lab plays the child with dup: the second descriptor is
the same as one that was inherited.`,
	Why: `A descriptor refers to an open file description, and that to the socket. Only
when the last reference to the description is gone does the kernel call sock_close
(net/socket.c), which leads to __tcp_close and the FIN. References are descriptors in any
process, and messages under way that carry one (SCM_RIGHTS).

So a server that starts programs opens its sockets with SOCK_CLOEXEC: then the program
that it starts does not inherit them. A server that forks for each connection closes the
connection in the parent, and the listener in the child. (The same holds for a listener:
while a child has it, its port stays in use after the parent is gone.)

shutdown (inet_shutdown, net/ipv4/af_inet.c) acts on the socket, which all descriptors
share. It is the way to send a FIN without knowing who else holds a descriptor. It does
not free the descriptor; close is still needed.`,
	Try: []lab.Try{
		{Command: "closewait", Says: "a server that forgets to close altogether"},
		{Command: "halfclose", Says: "what shutdown leaves usable"},
		{Command: "fourway", Says: "a close with nobody else involved"},
	},
	Claims: []lab.Claim{{
		ID:     "close-sends-no-fin-while-shared",
		Text:   "While another descriptor refers to the socket, close sends nothing, and the connection stays ESTABLISHED.",
		Source: "close(2); dup(2); net/socket.c: sock_close",
		Control: lab.Control{
			Says: "the child closes first", Before: "server:close",
			Do: func(s *lab.Script) { s.Sock("child").Close() },
		},
	}, {
		ID:     "close-ends-the-connection",
		Text:   "close ends the connection.",
		Source: "widely taught, with the calls of a server",
		Myth:   true,
		Truth:  "It gives up one descriptor; the last one ends the connection (close(2)).",
		Control: lab.Control{
			Says: "the child closes first", Before: "server:close",
			Do: func(s *lab.Script) { s.Sock("child").Close() },
		},
	}, {
		ID:     "the-other-descriptor-still-works",
		Text:   "The other descriptor still sends and receives.",
		Source: "dup(2)",
		Control: lab.Control{
			Says: "a RST comes from the client", Before: "child:read",
			Do: func(s *lab.Script) {
				s.Sock("client").Craft(lab.Craft{Flags: "RST", Seq: 8}).Deliver()
			},
		},
	}, {
		ID:     "last-close-sends-it",
		Text:   "The close of the last descriptor sends the FIN.",
		Source: "close(2); net/socket.c: sock_close",
		Control: lab.Control{
			Says: "the child has a child of its own", Before: "child:close",
			Do: func(s *lab.Script) { s.Sock("child").Dup() },
		},
	}, {
		ID:     "shutdown-acts-for-all",
		Text:   "shutdown sends the FIN though another descriptor is open, and a write on that one fails with EPIPE.",
		Source: "net/ipv4/af_inet.c: inet_shutdown; net/ipv4/tcp.c: tcp_shutdown",
		Control: lab.Control{
			Says: "the child has done so before", Before: "shut server:shutdown",
			Do: func(s *lab.Script) {
				s.Sock("shut child").Shutdown()
				s.Wire.Deliver("server:FIN,ACK")
			},
		},
	}},
	Script: func(s *lab.Script) {
		client, server := s.Connection()
		s.Part("The server closes; a child has the socket, too")
		child := server.Named("child").Dup()
		server.Close()
		sent := s.Wire.Waiting(s.Server)
		s.Expect("close-sends-no-fin-while-shared",
			lab.Is("server sends", sent, "nothing"),
			lab.Is("server", child.State(), record.Established))
		s.Expect("close-ends-the-connection", lab.Is("server sends", sent, "FIN,ACK"))
		client.Send("request")
		data, _ := child.TryRead()
		answered := child.TrySend("answer")
		got, _ := client.TryRead()
		s.Expect("the-other-descriptor-still-works",
			lab.Is("child reads", data, "request"),
			lab.Is("child's write", answered, lab.OK),
			lab.Is("client reads", got, "answer"))

		s.Part("The child closes, too")
		child.Close()
		s.Expect("last-close-sends-it",
			lab.Is("server sends", s.Wire.DeliverAll(s.Server), "FIN,ACK"),
			lab.Is("server", client.Peer().State(), record.FinWait1))
		s.Wire.Pass("client:ACK") // which may be put off: it is waited for
		client.TryFinish()

		client, server = s.Connection("shut")
		s.Part("The server shuts down; a child has the socket, too")
		child = server.Named("shut child").Dup()
		server.Shutdown()
		s.Expect("shutdown-acts-for-all",
			lab.Is("server sends", s.Wire.Of(client).Waiting(s.Server), "FIN,ACK"),
			lab.Is("child's write", child.TryWrite("answer"), "EPIPE"))
	},
}
