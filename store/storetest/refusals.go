package storetest

import (
	"errors"

	"github.com/sallyport-go/sallyport/store"
)

var refusalRules = []rule{{
	name:  "Authenticate refuses in the host's words only who has the right password",
	says:  "It returns either only if login and password match, and ErrBadCredentials otherwise.",
	why:   "an unauthenticated caller would learn that a login exists, and that it is locked or not confirmed",
	check: refusesWithPasswordOnly,
}}

func refusesWithPasswordOnly(t *trial) {
	if t.Refuse == nil {
		t.skipf("needs Fixture.Refuse: whether a refusal of the host's own tells somebody who has not the password that the user exists")
	}
	u, password := t.ada()

	t.must(t.Refuse(t.ctx, u.ID), "Fixture.Refuse(%q)", u.ID)
	for _, wrong := range []string{password + "x", "", password[1:]} {
		_, err := t.Store.Authenticate(t.ctx, u.Login, wrong)
		t.wants(err, store.ErrBadCredentials, "Authenticate with a wrong password, of a user whom the host refuses")
		if words(err) {
			t.failf("Authenticate with a wrong password: returned the refusal of the host")
		}
	}
	_, err := t.Store.Authenticate(t.ctx, u.Login, password)
	if !words(err) {
		t.failf("Authenticate with the right password, of a user whom the host refuses: returned %v, and no RefusalError or SecondFactorError", err)
	}
}

// words reports whether an error is a refusal of the host's own.
func words(err error) bool {
	_, refused := errors.AsType[*store.RefusalError](err)
	_, factor := errors.AsType[*store.SecondFactorError](err)
	return refused || factor
}
