// Package storetest is the conformance suite of package store: it tests whether a
// host's own Store keeps the contract. It takes three lines in a test:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, open)
//	}
//
// and a function that returns what to test:
//
//	func open(t *testing.T) storetest.Fixture {
//		s := shop.NewStore(testDatabase(t))
//		return storetest.Fixture{Store: s, APIKeys: s, AddUser: s.Register, LockOut: s.Block}
//	}
//
// Each rule quotes a sentence of the contract. If it fails, it prints that
// sentence, what the store did instead, what would break for the users of the
// library, and the line of the suite. A column that truncates times breaks most
// rules at once: the first one reports it, and the others are skipped with what
// they found.
//
// # What the suite does to a database
//
// Each rule uses random identifiers and does not expect an empty table, so that
// one database may serve all rules and many runs. Sessions, keys, denials and
// clients are left behind. The rules about expired rows delete by times in the
// year 2001, so they delete only what had expired by then. Two concurrent runs on
// one database would count each other's rows. A run makes about 15000 calls, many
// of them concurrently, and 50000 more that fill the table unless [Fixture.Many]
// or go test -short says otherwise.
//
// # What the suite does not check
//
// If a field of [Fixture] is not set, its rules are skipped, each with a line
// that says what was not checked (go test -v shows them). The most important ones
// are Break (what the store returns when it has lost its database), SetPassword
// (whether a login with the old password survives the change), AddUserToRenew,
// LockOut and Reopen.
//
// The suite uses the store through its methods, in one process, for seconds. It
// cannot check:
//
//   - Whether a write survives a crash of the machine, a failover, or the restore
//     of a backup.
//   - Whether a second node sees a write at once. A store that caches, or reads
//     from a replica, passes if its own process sees its own writes.
//   - What happens once in a million calls. Concurrent calls for one session are
//     made a thousand times, and their history is checked with porcupine, which
//     proves no more than that.
//   - How the store behaves under load, with a full table, or with an exhausted
//     pool: how long calls wait, and whether they find their indexes.
//   - Whether RevokeUserSessions and DenySessions take one round trip or one for
//     each session. With 100000 sessions that is the difference between a second
//     and a timeout.
//   - A database that answers slowly, or only in part: a connection that breaks
//     between two rows, or after a commit and before its answer.
//   - Whether a sweep holds locks that only some writes need, such as those of
//     the rows that it deletes.
//   - Whether the CredentialVersion changes with everything else that the host's
//     users log in with: a new login, a removed factor, a lifted lockout.
//   - How long Authenticate takes for each reason of a rejection, beyond the one
//     comparison of an unknown login with a wrong password.
//   - Rights, encryption, and what the database itself writes into its logs.
//
// Run it with the race detector too (go test -race).
package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/sallyport-go/sallyport/store"
)

// Fixture is a store under test, and what the suite needs to test it. All fields
// but Store are optional; rules that need more are skipped, and say so.
type Fixture struct {
	// Store is required: the store under test.
	Store store.Store

	// APIKeys is the host's store of API keys; often the same value as Store. Nil:
	// the rules for keys are skipped.
	APIKeys store.APIKeys

	// AddUser creates a user who logs in with u.Login and password, and returns the
	// user as Store will return them. A store that chooses IDs itself, or stores no
	// seats, returns another ID and none. The CredentialVersion may be empty: only
	// the store knows it. AddUser returns [errors.ErrUnsupported], wrapped or not,
	// for a user that the host would never have, for example because all of its
	// logins are e-mail addresses; a rule about such a user is then skipped. Nil:
	// the rules that need a user are skipped.
	AddUser func(ctx context.Context, u store.User, password string) (store.User, error)

	// SetPassword replaces the password of the user with this ID, as the host does.
	// Nil: the rules about a changed password are skipped.
	SetPassword func(ctx context.Context, id, password string) error

	// AddUserToRenew is AddUser for a user whose password hash is one that
	// Authenticate replaces by a better one, for example with fewer rounds, or of an
	// older scheme. Nil: the rules about renewed hashes are skipped. Leave it nil
	// for a store that renews none.
	AddUserToRenew func(ctx context.Context, u store.User, password string) (store.User, error)

	// LockOut deletes the user with this ID or locks them out, as the host does.
	// Nil: the rules about users who may no longer log in are skipped.
	LockOut func(ctx context.Context, id string) error

	// Refuse has Authenticate refuse the user with this ID in words of the host's own,
	// by a store.RefusalError or a store.SecondFactorError. Nil skips the rule about
	// such users, for a store that refuses none.
	Refuse func(ctx context.Context, id string) error

	// Clients is the host's store of clients. Unless it and SetClient are set, the
	// rules for clients are skipped.
	Clients store.Clients

	// SetClient registers a client in Clients, as the host does.
	SetClient func(ctx context.Context, c store.Client) error

	// RemoveClient makes the client with this ID unusable. Nil: the rules about such
	// clients are skipped.
	RemoveClient func(ctx context.Context, id string) error

	// Revocations is the host's deny list. Nil: the rules for it are skipped.
	Revocations store.Revocations

	// Reopen closes the store and opens it again, as a process does that is
	// restarted: only what is in the database may survive. It returns the fixture
	// that is tested from then on. Nil: the rules about restarts are skipped. Leave
	// it nil for a store that does not outlive its process.
	Reopen func(ctx context.Context) (Fixture, error)

	// Break disconnects the store from its database, as a network failure does, and
	// returns a function that restores the connection. For example, it stops and
	// starts a proxy between the two. The store keeps running with its pool of
	// connections. Nil: the rules about an unavailable database are skipped.
	Break func(ctx context.Context) (restore func(ctx context.Context) error, err error)

	// Batch is how many sessions DeleteExpiredSessions deletes in one step, for a
	// store that deletes more than 1000. Two rules create several times as many.
	// Zero: 1000, and both rules are skipped with go test -short.
	Batch int

	// Many is how many sessions the rule about a full table creates, for a database
	// that is slow. Zero: 50000, or none with go test -short.
	Many int

	// ForgetsExpired says that the store deletes expired sessions and denials
	// itself, by a time to live or a job of its own. Rules that look for an expired
	// session are then skipped. False: the store keeps them until
	// DeleteExpiredSessions and DeleteExpiredDenials.
	ForgetsExpired bool
}

// Run tests a store with each rule, in a subtest of its own, one after the other.
// It calls open for each of them; open may return a new store or the same one
// each time, and can register its cleanup with t. If a rule fails that explains
// others, such as one about truncated times, the others are skipped.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	t.Helper()
	var cause *Failure
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			failure, skipped := r.try(t.Context(), open(t))
			switch {
			case failure != nil && cause != nil:
				t.Skipf("is broken, most likely because %q is: mend that first. The store did: %s", cause.Rule, failure.Did)
			case failure != nil:
				if r.explains {
					cause = failure
				}
				t.Error(failure)
			case skipped != "":
				t.Skipf("%s", skipped)
			}
		})
	}
}

// Check tests one fixture with each rule, for callers without a *testing.T. It
// returns nil if all rules hold, or else the [*Failure] of each that does not,
// joined. It does not say which rules were skipped.
func Check(ctx context.Context, f Fixture) error {
	var failures []error
	var cause *Failure
	for _, r := range rules() {
		failure, _ := r.try(ctx, f)
		switch {
		case failure == nil:
		case cause != nil:
			cause.Also = append(cause.Also, failure.Rule)
		default:
			failures = append(failures, failure)
			if r.explains {
				cause = failure
			}
		}
	}
	return errors.Join(failures...)
}
