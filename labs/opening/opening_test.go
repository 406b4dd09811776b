package opening_test

import (
	"os"
	"testing"

	"github.com/tcplab/tcplab/labs/lab"
	"github.com/tcplab/tcplab/labs/lab/labtest"
	"github.com/tcplab/tcplab/labs/opening"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

func TestLabs(t *testing.T) {
	labtest.Section(t, opening.Labs,
		labtest.Variant{Lab: "noaccept", Name: "n5", Args: lab.Args{"n": "5"}},
		labtest.Variant{Lab: "selfconnect", Name: "accident", Args: lab.Args{"accident": "1"}},
		labtest.Variant{Lab: "backlog", Name: "n0", Args: lab.Args{"n": "0"}},
		labtest.Variant{Lab: "backlog", Name: "n1-drain", Args: lab.Args{"n": "1", "drain": "1"}},
		labtest.Variant{Lab: "backlog", Name: "abort", Args: lab.Args{"n": "3", "abort-on-overflow": "1"}},
		labtest.Variant{Lab: "backlog", Name: "too-few", Args: lab.Args{"n": "8", "clients": "4"}},
		labtest.Variant{Lab: "backlog", Name: "somaxconn", Args: lab.Args{"n": "128", "somaxconn": "64"}},
		labtest.Variant{Lab: "synqueue", Name: "cookies0", Args: lab.Args{"syncookies": "0"}},
		labtest.Variant{Lab: "synqueue", Name: "cookies1", Args: lab.Args{"syncookies": "1", "max-syn-backlog": "1024"}},
		labtest.Variant{Lab: "synqueue", Name: "cookies2", Args: lab.Args{"syncookies": "2"}},
		labtest.Variant{Lab: "synqueue", Name: "backlog0", Args: lab.Args{"backlog": "0"}},
		labtest.Variant{Lab: "synqueue", Name: "too-few", Args: lab.Args{"flood": "3"}},
		labtest.Variant{Lab: "lostsyn", Name: "times2", Args: lab.Args{"times": "2"}},
		labtest.Variant{Lab: "lostsyn", Name: "forever", Args: lab.Args{"forever": "1", "retries": "1"}},
		labtest.Variant{Lab: "lostsynack", Name: "times2", Args: lab.Args{"times": "2"}},
		labtest.Variant{Lab: "lostsynack", Name: "forever", Args: lab.Args{"forever": "1", "retries": "2"}},
		labtest.Variant{Lab: "lostsynack", Name: "retries0", Args: lab.Args{"retries": "0"}},
		labtest.Variant{Lab: "lostack", Name: "times2", Args: lab.Args{"times": "2"}},
		labtest.Variant{Lab: "lostack", Name: "forever", Args: lab.Args{"forever": "1", "retries": "1"}},
		labtest.Variant{Lab: "lostack", Name: "retries0", Args: lab.Args{"retries": "0"}},
		labtest.Variant{Lab: "backlog", Name: "somaxconn0", Args: lab.Args{"n": "1", "somaxconn": "0"}},
	)
}
