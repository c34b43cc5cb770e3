package storetest

import (
	"context"
	"slices"
	"time"
)

// rule is a sentence of the contract, and how to test it.
type rule struct {
	name  string
	says  string // quoted from package store, word by word
	why   string
	check func(t *trial)

	explains bool // a failure explains those of other rules, which are then not reported
}

// rules returns all rules, in the order in which they are tested.
func rules() []rule {
	return slices.Concat(
		causeRules, userRules, passwordRules, lockoutRules, versionRules, refusalRules,
		createRules, advanceRules, revokeRules, revokedRules, listRules, expiryRules, sweepRules,
		textRules, timeRules, sliceRules, contextRules, concurrencyRules, historyRules, manyRules,
		keyRules, keyReplaceRules, keyUseRules, keyExpiryRules, keyCommonRules,
		denialRules, clientRules, restartRules, outageRules,
	)
}

// try tests a fixture. If the fixture keeps the rule, it returns neither a
// failure nor a reason to skip.
func (r rule) try(ctx context.Context, f Fixture) (failure *Failure, skipped string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &trial{Fixture: f, ctx: ctx, now: time.Now().UTC().Truncate(time.Microsecond)}

	// In its own goroutine, as in package testing, so that failf and skipf can end
	// it from any depth, and a panic of the store keeps its stack.
	done := make(chan struct{})
	go func() {
		defer close(done)
		if f.Store == nil {
			t.failf("Fixture.Store is nil")
		}
		r.check(t)
	}()
	<-done

	if t.did == "" {
		return nil, t.skipped
	}
	return &Failure{Rule: r.name, Says: r.says, Did: t.did, Why: r.why, Line: t.line}, ""
}
