package programs_test

import (
	"os"
	"testing"

	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/programs"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

func TestLabs(t *testing.T) { labtest.Section(t, programs.Labs) }
