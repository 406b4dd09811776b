package closing_test

import (
	"os"
	"testing"

	"github.com/tcplab/tcplab/labs/closing"
	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

func TestLabs(t *testing.T) {
	labtest.Section(t, closing.Labs,
		labtest.Variant{Lab: "fourway", Name: "server-first", Args: lab.Args{"server-closes-first": "1"}},
		labtest.Variant{Lab: "halfclose", Name: "one-byte", Args: lab.Args{"bytes": "1"}},
		labtest.Variant{Lab: "halfclose", Name: "much", Args: lab.Args{"bytes": "16384"}},
		labtest.Variant{Lab: "lostfin", Name: "shutdown", Args: lab.Args{"shutdown": "1"}},
		labtest.Variant{Lab: "finwait2", Name: "linger2", Args: lab.Args{"linger2": "2"}},
		labtest.Variant{Lab: "finwait2", Name: "above-60", Args: lab.Args{"fin-timeout": "130"}},
	)
}
