package lab_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/tcplab/tcplab/labs/internal/need"
	"github.com/tcplab/tcplab/labs/record"
)

func TestMain(m *testing.M) { os.Exit(need.Main(m)) }

var place = regexp.MustCompile(`^\w+_test\.go:\d+: `)

// complaint is why a run is broken, without the place in the story's Go text.
func complaint(r *record.Run) string { return place.ReplaceAllString(r.Error, "") }
