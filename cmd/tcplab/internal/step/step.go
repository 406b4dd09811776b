// Package step goes through a run step by step on a terminal: the ladder up to
// the present step, both ends' states, and what just happened in a sentence.
package step

import (
	"context"
	"fmt"
	"os"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/tcplab/tcplab/labs/record"
	"github.com/tcplab/tcplab/labs/report"
)

// Through shows a run on the terminal that in and out are until the user leaves
// it, or ctx ends. The terminal is then as it was before.
func Through(ctx context.Context, in, out *os.File, run *record.Run, o report.Options) error {
	program := tea.NewProgram(model{newView(run, o)},
		tea.WithInput(in), tea.WithOutput(out),
		tea.WithoutSignalHandler()) // ctx knows of signals
	// Not by tea.WithContext, which ends the program without clearing up.
	stop := context.AfterFunc(ctx, program.Quit)
	defer stop()
	if _, err := program.Run(); err != nil {
		return fmt.Errorf("--step: %w", err)
	}
	return ctx.Err()
}

// model makes a view a program of bubbletea's.
type model struct{ *view }

func (m model) Init() tea.Cmd { return nil }

func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case tea.KeyPressMsg:
		if msg.String() == "ctrl+z" {
			return m, tea.Exec(stop{}, nil)
		}
		if m.press(msg.String()) {
			return m, tea.Quit
		}
	}
	return m, nil
}

func (m model) View() tea.View {
	v := tea.NewView(strings.Join(m.lines(), "\n")) // no lines as long as the window's size is unknown
	v.AltScreen = true
	return v
}
