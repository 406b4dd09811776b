package labs_test

import (
	"slices"
	"testing"

	"github.com/tcplab/tcplab/labs"
	"github.com/tcplab/tcplab/labs/lab"
)

// found are the names of the labs that a question leads to.
func found(question string) (names []string) {
	for _, h := range labs.Search(question) {
		names = append(names, h.Lab.Name)
	}
	return names
}

// Each question that people ask leads to the lab that answers it, by what they type, and
// to claims of it.
func TestQuestions(t *testing.T) {
	for _, q := range labs.Questions {
		l := labs.Find(q.Lab)
		if l == nil || len(q.Claims) == 0 || len(q.Typed) == 0 {
			t.Errorf("%s: want a lab, claims of it, and what is typed", q.Asks)
			continue
		}
		for _, id := range q.Claims {
			if !slices.ContainsFunc(l.Claims, func(c lab.Claim) bool { return c.ID == id }) {
				t.Errorf("%s: %s has no claim %s", q.Asks, q.Lab, id)
			}
		}
		for _, typed := range q.Typed {
			if names := found(typed); !slices.Contains(names[:min(2, len(names))], q.Lab) {
				t.Errorf("%q leads to %v, want %s among the first two", typed, names, q.Lab)
			}
		}
		if names := found(q.Asks); !slices.Contains(names, q.Lab) {
			t.Errorf("%q leads to %v, and not to %s", q.Asks, names, q.Lab)
		}
	}
}

// Each lab is found by its title, and what nobody says leads nowhere.
func TestSearch(t *testing.T) {
	for _, l := range labs.All() {
		if names := found(l.Title); !slices.Contains(names, l.Name) {
			t.Errorf("%s: its title leads to %v", l.Name, names)
		}
	}
	for _, question := range []string{"", "the", "how to bake bread with sourdough", "nonsense", "noacept", "?!", "\x00"} {
		if names := found(question); names != nil {
			t.Errorf("%q leads to %v", question, names)
		}
	}
	for _, h := range labs.Search("FIN is not sent") {
		for _, c := range h.Claims {
			if labs.Find(h.Lab.Name) == nil || c.ID == "" {
				t.Errorf("%s: %s", h.Lab.Name, c.ID)
			}
		}
	}
}
