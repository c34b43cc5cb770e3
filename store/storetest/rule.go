package storetest

import (
	"context"
	"slices"
	"time"
)

// rule is one sentence of the contract and how to find out whether a store
// keeps it.
type rule struct {
	name  string
	says  string // quoted from package store, word by word
	why   string
	check func(t *trial)

	explains bool // other failures, so that they are not reported beside it
}

// rules returns all there are, in the order in which they are read best.
func rules() []rule {
	return slices.Concat(
		causeRules, userRules, passwordRules, lockoutRules, versionRules,
		createRules, advanceRules, revokeRules, revokedRules, listRules, expiryRules, sweepRules,
		textRules, timeRules, sliceRules, contextRules, concurrencyRules, historyRules, manyRules,
		keyRules, keyUseRules, keyExpiryRules, keyCommonRules,
		denialRules, clientRules, restartRules, outageRules,
	)
}

// try finds out whether the fixture keeps the rule. It returns neither a failure
// nor a reason to skip when it does.
func (r rule) try(ctx context.Context, f Fixture) (failure *Failure, skipped string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &trial{Fixture: f, ctx: ctx, now: time.Now().UTC().Truncate(time.Microsecond)}

	// In a goroutine of its own, as package testing does it, so that failf and
	// skipf can end it from any depth and a store's panic keeps its stack.
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
