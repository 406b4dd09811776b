package cli

import (
	"os"
	"testing"

	"github.com/tcplab/tcplab/labs/lab/labtest"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }
