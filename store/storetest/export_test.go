package storetest

import "context"

// Rule is what tests need to know of a rule.
type Rule struct{ Name, Says, Why string }

// Rules returns all rules.
func Rules() []Rule {
	var all []Rule
	for _, r := range rules() {
		all = append(all, Rule{r.name, r.says, r.why})
	}
	return all
}

// Try tries the one rule with this name.
func Try(ctx context.Context, name string, f Fixture) (failure *Failure, skipped string) {
	for _, r := range rules() {
		if r.name == name {
			return r.try(ctx, f)
		}
	}
	panic("no rule is called " + name)
}
