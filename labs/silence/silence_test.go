package silence_test

import (
	"os"
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/silence"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

func TestLabs(t *testing.T) {
	labtest.Section(t, silence.Labs,
		labtest.Variant{Lab: "keepalive", Name: "count1", Args: lab.Args{"count": "1"}},
	)
}
