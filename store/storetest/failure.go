package storetest

import "fmt"

// Failure is a rule that a store broke. Use [errors.AsType] to find it in the
// error of Check.
type Failure struct {
	// Rule is the rule's name, which is also the subtest's.
	Rule string

	// Says is the sentence of the contract that the rule tests.
	Says string

	// Did is what the store did.
	Did string

	// Why is what breaks for the users of the library.
	Why string

	// Line is the file and the line of the suite that found it.
	Line string

	// Also are the names of the other broken rules, most likely for the same reason:
	// repair this one first, and test again.
	Also []string
}

// Error returns all of it, on a line each.
func (f *Failure) Error() string {
	text := fmt.Sprintf("storetest: %s\n    the contract says: %s\n    the store did:     %s\n    why it matters:    %s\n    found at:          %s",
		f.Rule, f.Says, f.Did, f.Why, f.Line)
	if len(f.Also) > 0 {
		text += fmt.Sprintf("\n    mend this first:   %d more rules are broken, most likely by it", len(f.Also))
	}
	return text
}
