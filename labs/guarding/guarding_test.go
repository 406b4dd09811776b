package guarding_test

import (
	"os"
	"testing"

	"github.com/tcplab/tcplab/labs/guarding"
	"github.com/tcplab/tcplab/labs/lab/labtest"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

func TestLabs(t *testing.T) { labtest.Section(t, guarding.Labs) }
