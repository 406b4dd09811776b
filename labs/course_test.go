package labs

import "testing"

// The course has every lab once, and names none that is not there.
func TestCourse(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Course() {
		if len(c.Labs) == 0 {
			t.Errorf("chapter %q is empty", c.Title)
		}
		for _, l := range c.Labs {
			if seen[l.Name] {
				t.Errorf("%s is there twice", l.Name)
			}
			seen[l.Name] = true
		}
	}
	if len(seen) != len(All()) {
		t.Errorf("the course has %d labs of %d", len(seen), len(All()))
	}
	for _, c := range chapters {
		for _, name := range c.names {
			if Find(name) == nil {
				t.Errorf("chapter %q names %s, which is no lab", c.title, name)
			}
		}
	}
}
