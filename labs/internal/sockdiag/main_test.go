package sockdiag_test

import (
	"os"
	"testing"

	"github.com/tcplab/tcplab/labs/internal/need"
)

func TestMain(m *testing.M) { os.Exit(need.Main(m)) }
