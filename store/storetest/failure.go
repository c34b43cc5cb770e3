package storetest

import "fmt"

// Failure is a rule that a store broke.
type Failure struct {
	Rule string // its name, which is also the subtest's
	Says string // the sentence of the contract that it stands for
	Did  string // what the store did
	Why  string // what breaks for the users of the library
	Line string // where the suite found out

	// Also are the names of the rules that the store broke as well, most likely
	// for the reason that this one was: to be looked at when it is mended.
	Also []string
}

// Error tells the whole story, on a line each.
func (f *Failure) Error() string {
	text := fmt.Sprintf("storetest: %s\n    the contract says: %s\n    the store did:     %s\n    why it matters:    %s\n    found at:          %s",
		f.Rule, f.Says, f.Did, f.Why, f.Line)
	if len(f.Also) > 0 {
		text += fmt.Sprintf("\n    mend this first:   %d more rules are broken, most likely by it", len(f.Also))
	}
	return text
}
