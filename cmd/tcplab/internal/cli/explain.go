package cli

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
)

func explainCommand() *cobra.Command {
	var chosen *lab.Lab
	var asked *topic
	var found finding
	return &cobra.Command{
		Use:   "explain LAB|TERM|QUESTION",
		Short: "Explain a lab, or say which labs show a state or an error, or answer a question",
		Long: `explain tells what a lab shows, draws its ladder, and says why Linux behaves this
way, what the lab claims and where that is documented, which flags it has, and
what to try next. It runs nothing and needs no privilege: the ladder is stored in
tcplab, and its tests compare every run with it.

Of anything else it says which labs show it, and where: a claim by its name, a
socket's state (CLOSE_WAIT), an error (ECONNRESET), a counter (ListenOverflows), a
sysctl (tcp_syncookies), a socket option (TCP_NODELAY), a segment's flags (RST).

Of a question, or any other words, it says which labs tell of them, the best first,
and what these claim: it looks through the texts of all labs.`,
		Example: `  tcplab explain noaccept
  tcplab explain backlog | less
  tcplab explain CLOSE_WAIT
  tcplab explain ETIMEDOUT
  tcplab explain too many open files
  tcplab explain why is no FIN sent`,
		ValidArgsFunction: completeLab,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("explain: want a LAB, a TERM or a QUESTION (tcplab list shows the labs)")}
			}
			words := strings.Join(args, " ")
			if chosen = labs.Find(words); chosen != nil {
				return nil
			}
			if asked = findTopic(words); asked != nil {
				return nil
			}
			if found = search(words); found.hits == nil {
				return unknownTerm(words)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := bufio.NewWriter(cmd.OutOrStdout())
			p := explainPrinter{newPrinter(out, cmd.OutOrStdout())}
			switch {
			case chosen != nil:
				p.explain(chosen)
			case asked != nil:
				p.topic(asked)
			default:
				p.finding(found)
			}
			return out.Flush()
		},
	}
}

// completeLab gives the shell the labs' names, for one argument.
func completeLab(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if len(args) == 0 {
		for _, l := range labs.All() {
			names = append(names, l.Name+"\t"+l.Title)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// explainPrinter writes all there is to know of a lab before it is run.
type explainPrinter struct{ printer }

func (p *explainPrinter) explain(l *lab.Lab) {
	p.wrapped(0, bold, l.Title)
	for _, paragraph := range lab.Paragraphs(l.Long) {
		fmt.Fprintln(p.w)
		p.wrapped(0, "", paragraph)
	}
	ladder := labs.Ladder(l.Name)
	p.ladder(l, ladder)
	if l.Why != "" {
		p.heading("Why Linux behaves this way")
		for i, paragraph := range lab.Paragraphs(l.Why) {
			if i > 0 {
				fmt.Fprintln(p.w)
			}
			p.wrapped(2, "", paragraph)
		}
	}
	p.heading("What it claims")
	for i := range l.Claims {
		p.claim(&l.Claims[i], labs.Judges(ladder, l.Claims[i].ID))
	}
	p.knobs(l)
	if len(l.Try) > 0 {
		p.heading("What to try next")
		for _, t := range l.Try {
			p.wrapped(2, bold, "tcplab "+t.Command)
			p.wrapped(6, "", t.Says)
		}
	}
}

func (p *explainPrinter) heading(text string) {
	fmt.Fprintln(p.w)
	p.wrapped(0, bold, text)
}

// ladderWidth is how wide the golden ladders are.
const ladderWidth = standard

// ladder draws the golden ladder, or says who draws it where it does not fit.
func (p *explainPrinter) ladder(l *lab.Lab, ladder string) {
	if ladder == "" {
		return
	}
	p.heading("What tcplab " + l.Name + " --no-times draws")
	if p.width < ladderWidth {
		p.wrapped(2, "", fmt.Sprintf("The ladder is %d columns wide, and this terminal has %d. "+
			"`tcplab %s` runs the lab and draws it to fit; `tcplab explain %s | less -S` shows it here.",
			ladderWidth, p.width, l.Name, l.Name))
		return
	}
	fmt.Fprint(p.w, p.text(ladder))
}

func (p *explainPrinter) claim(c *lab.Claim, judged bool) {
	var remarks []string
	if c.Myth {
		remarks = append(remarks, "a myth")
	}
	if !judged {
		remarks = append(remarks, "not part of the run above")
	}
	p.row(cell{}, cell{len(c.ID), bold, c.ID}, cell{p.width, dim, strings.Join(remarks, ", ")})
	p.wrapped(6, "", c.Text)
	if c.Myth {
		p.wrapped(6, "", "instead: "+c.Truth)
	}
	p.wrapped(6, dim, "source: "+c.Source)
}

func (p *explainPrinter) knobs(l *lab.Lab) {
	if len(l.Knobs) == 0 {
		return
	}
	p.heading("Its own flags")
	width := 0
	for _, k := range l.Knobs {
		width = max(width, len(k.Name)+2)
	}
	for _, k := range l.Knobs {
		text := k.Help
		if d := k.DefaultText(); d != "" {
			text += " (default " + d + ")"
		}
		p.row(cell{}, cell{width, bold, "--" + k.Name}, cell{p.width - width - 4, "", text})
	}
}
