package lab_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// Most of these tests wait for the kernel's timers, which takes no processor: so
// many go side by side.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "8"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
