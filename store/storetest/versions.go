package storetest

import (
	"context"
	"errors"
	"strings"

	"github.com/sallyport-go/sallyport/store"
)

const (
	verifiedVersion = "The CredentialVersion of the result is that of the row whose password was verified: it is read together with the hash, before the work, and not again after it."
	renewal         = "If Authenticate renews the hash, it replaces only the one that was verified, and does not change the version."
)

var versionRules = []rule{
	{
		name:  "Authenticate and User return one CredentialVersion",
		says:  verifiedVersion,
		why:   "a login compares the two: if they differ without a change of password, no user can log in any more",
		check: returnsOneVersion,
	},
	{
		name:  "A session keeps its CredentialVersion",
		says:  "CreateSession adds a session.",
		why:   "a refresh compares it with the user's: a version that is lost or cut logs everybody out, or lets a session survive a change of the password",
		check: keepsVersionOfSession,
	},
	{
		name:  "A key keeps its CredentialVersion",
		says:  "CreateAPIKey adds a key.",
		why:   "an exchange compares it with the user's: a version that is lost or cut makes all keys useless, or lets a key survive that should not",
		check: keepsVersionOfKey,
	},
	{
		name:  "A new password changes the CredentialVersion",
		says:  "It returns the result of every write that has completed: a cache or a lagging read replica is wrong",
		why:   "a login that is under way with the old password finds out by it: if User shows the old version, the session that it opens survives the change",
		check: changesVersion,
	},
	{
		name:  "Authenticate returns the version of the row that it verified",
		says:  verifiedVersion,
		why:   "a login with the old password that returns the new version looks like one with the new: the session of an attacker survives the change of the password",
		check: returnsVerifiedVersion,
	},
	{
		name:  "A renewed hash keeps the CredentialVersion",
		says:  renewal,
		why:   "everybody whose hash is renewed is logged out on all of their devices, by logging in",
		check: renewalKeepsVersion,
	},
	{
		name:  "A renewal brings no old password back",
		says:  renewal,
		why:   "a login with the old password that is under way during the change makes the old one valid again, and the new one wrong",
		check: renewalNeverUndoes,
	},
}

// version returns the user's version, and skips the rule if the host keeps none.
func (t *trial) version(u store.User) string {
	got, err := t.Store.User(t.ctx, u.ID)
	t.must(err, "User(%q)", u.ID)
	if got.CredentialVersion == "" {
		t.skipf("User.CredentialVersion is empty, so the host does not track it: whether a session that is opened during a change of password survives it was not checked")
	}
	return got.CredentialVersion
}

// tracks skips the rule unless there are users with versions.
func (t *trial) tracks() {
	ada, _ := t.ada()
	t.version(ada)
}

// versionAtLogin returns the version that Authenticate does.
func (t *trial) versionAtLogin(u store.User, password string) string {
	got, err := t.Store.Authenticate(t.ctx, u.Login, password)
	t.must(err, "Authenticate(%q, %q)", u.Login, password)
	return got.CredentialVersion
}

func returnsOneVersion(t *trial) {
	ada, password := t.ada()
	version := t.version(ada)
	for range 3 {
		if got := t.versionAtLogin(ada, password); got != version {
			t.failf("Authenticate: CredentialVersion is %q; User: it is %q", got, version)
		}
		if got := t.version(ada); got != version {
			t.failf("User: CredentialVersion is %q after a login, and was %q before", got, version)
		}
	}
}

// versions are what a host may have chosen.
func versions() []string {
	return append([]string{"1", "9007199254740993", "2026-01-01T00:00:00.123456Z", strings.Repeat("v", 512)}, texts...)
}

func keepsVersionOfSession(t *trial) {
	t.tracks()
	for _, version := range versions() {
		s := t.newSession()
		s.CredentialVersion = version
		t.creates(s)
		t.finds(s, "CreateSession")
		t.lists(s.UserID, s)
		s = t.advances(s, t.now, s.IdleUntil)
		t.finds(s, "AdvanceSession")
		t.finds(t.revokes(s, t.now), "RevokeSession")
	}
}

func keepsVersionOfKey(t *trial) {
	t.keys()
	t.tracks()
	for _, version := range versions() {
		k := t.newKey()
		k.CredentialVersion = version
		t.addsKey(k)
		t.findsKey(k, "CreateAPIKey")
		t.listsKeysOf(k.Owner, k)
		k = t.usesKey(k, t.now)
		t.findsKey(k, "UseAPIKey")
		t.findsKey(t.revokesKey(k, t.now), "RevokeAPIKey")
	}
}

// setPassword is how the host changes passwords, which the fixture need not have.
func (t *trial) setPassword() func(ctx context.Context, id, password string) error {
	if t.SetPassword == nil {
		t.skipf("needs Fixture.SetPassword: whether a session that is opened during a change of password survives it was not checked")
	}
	return t.SetPassword
}

// changes gives the user another password.
func (t *trial) changes(u store.User, password string) {
	t.must(t.setPassword()(t.ctx, u.ID, password), "Fixture.SetPassword(%q, %q)", u.ID, password)
}

func changesVersion(t *trial) {
	t.setPassword()
	ada, password := t.ada()
	seen := map[string]bool{t.version(ada): true}
	for range 3 {
		t.enters(ada, ada.Login, password)
		t.returns(ada)
		old := password
		password = unique("Another horse")
		t.changes(ada, password)
		version := t.version(ada)
		if seen[version] {
			t.failf("User, after a new password: CredentialVersion is %q, as it was before", version)
		}
		seen[version] = true
		if got := t.versionAtLogin(ada, password); got != version {
			t.failf("Authenticate, after a new password: CredentialVersion is %q; User: it is %q", got, version)
		}
		t.refuses(ada.Login, old)
	}
}

const (
	loops        = 4 // callers who log in while the password changes
	changeRounds = 4 // how often it does: each time costs a dozen hashes
)

// duringAChange lets callers log in with a password until it is refused, changes
// it meanwhile, and returns the versions that they were told.
func (t *trial) duringAChange(u store.User, old, password string) []string {
	begun := make(chan struct{}, loops)
	told := make([][]string, loops)
	ended := make(chan error, loops)
	ctx, cancel := context.WithCancel(t.ctx) // if the rule ends before they do
	defer cancel()
	for i := range loops {
		go func() {
			defer func() { begun <- struct{}{} }()
			for n := 0; ; n++ {
				got, err := t.Store.Authenticate(ctx, u.Login, old)
				switch {
				case errors.Is(err, store.ErrBadCredentials):
					ended <- nil
					return
				case err != nil:
					ended <- err
					return
				}
				told[i] = append(told[i], got.CredentialVersion)
				if n == 0 {
					begun <- struct{}{}
				}
			}
		}()
	}
	for range loops {
		<-begun
	}
	t.changes(u, password)
	for range loops {
		t.must(<-ended, "Authenticate, while the password changes")
	}
	var all []string
	for _, some := range told {
		all = append(all, some...)
	}
	return all
}

func returnsVerifiedVersion(t *trial) {
	t.setPassword()
	ada, password := t.ada()
	for range changeRounds {
		version, next := t.version(ada), unique("Another horse")
		for _, got := range t.duringAChange(ada, password, next) {
			if got != version {
				t.failf("Authenticate with the old password, while it changes: CredentialVersion is %q; it was %q before the change", got, version)
			}
		}
		password = next
		if got := t.versionAtLogin(ada, password); got == version {
			t.failf("Authenticate with the new password: CredentialVersion is %q, as with the old", got)
		}
	}
}

// outdated makes a user whose hash is to be renewed.
func (t *trial) outdated() (u store.User, password string) {
	if t.AddUserToRenew == nil {
		t.skipf("needs Fixture.AddUserToRenew: whether a login that renews a hash keeps the CredentialVersion, and brings no old password back, was not checked")
	}
	u, password = newUser("ada")
	added, err := t.AddUserToRenew(t.ctx, u, password)
	t.must(err, "Fixture.AddUserToRenew(%q, %q)", u.Login, password)
	return added, password
}

func renewalKeepsVersion(t *trial) {
	ada, password := t.outdated()
	version := t.version(ada)
	for i := range 3 {
		if got := t.versionAtLogin(ada, password); got != version {
			t.failf("Authenticate, login %d: CredentialVersion is %q; it was %q before the hash was renewed", i+1, got, version)
		}
		if got := t.version(ada); got != version {
			t.failf("User, after login %d: CredentialVersion is %q; it was %q before the hash was renewed", i+1, got, version)
		}
	}
	t.refuses(ada.Login, password+"!")
}

func renewalNeverUndoes(t *trial) {
	set := t.setPassword()
	for range changeRounds {
		ada, old := t.outdated()
		password := unique("Another horse")
		errs := atOnce(loops, func(i int) error {
			if i == 0 {
				return set(t.ctx, ada.ID, password)
			}
			_, err := t.Store.Authenticate(t.ctx, ada.Login, old)
			if errors.Is(err, store.ErrBadCredentials) {
				return nil
			}
			return err
		})
		t.must(errors.Join(errs...), "SetPassword, and Authenticate with the old password at the same time")
		t.refuses(ada.Login, old)
		t.enters(ada, ada.Login, password)
	}
}
