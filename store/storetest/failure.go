package storetest

import "fmt"

// Failure is a rule that a store broke.
type Failure struct {
	Rule string // its name, which is also the subtest's
	Says string // the sentence of the contract that it stands for
	Did  string // what the store did
	Why  string // what breaks for the users of the library
	Line string // where the suite found out
}

// Error tells the whole story, on a line each.
func (f *Failure) Error() string {
	return fmt.Sprintf("storetest: %s\n    the contract says: %s\n    the store did:     %s\n    why it matters:    %s\n    found at:          %s",
		f.Rule, f.Says, f.Did, f.Why, f.Line)
}
