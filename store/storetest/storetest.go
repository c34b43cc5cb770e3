// Package storetest is the conformance suite of package store: it tells a host
// whether its own Store keeps the contract. It is three lines in a test:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, open)
//	}
//
// and a function that says what there is to be tested:
//
//	func open(t *testing.T) storetest.Fixture {
//		s := shop.NewStore(testDatabase(t))
//		return storetest.Fixture{Store: s, APIKeys: s, AddUser: s.Register, LockOut: s.Block}
//	}
//
// Each rule quotes the sentence of the contract that it stands for. When it
// fails it prints that sentence, what the store did instead, what would break
// for the users of the library, and the line that found out. A column that cuts
// times breaks most rules at once: the first one names it, and the others are
// then skipped with what they found.
//
// # What the suite does to a database
//
// Every rule makes up its own random identifiers and expects no table to be
// empty, so that one database may serve all rules and many runs. Sessions, keys,
// denials and clients are left behind. Only what deletes the expired reaches
// further: the suite calls it with times in the year 2001, by which nothing that
// matters has expired. Two runs at once on one database would count each other's.
// A run is some fifteen thousand calls, many of them at once, and 50 000 more that
// fill the table unless [Fixture.Many] or go test -short says otherwise.
//
// # What the suite does not check
//
// A field of [Fixture] that is left out leaves rules out; each is skipped with a
// line that says what was not checked (go test -v shows them). The most important
// ones are Break (what the store says when it has lost its database), SetPassword
// (whether a login with the old password survives the change), AddUserToRenew,
// LockOut and Reopen.
//
// The suite sees a store through its methods, in one process, for a few seconds.
// It cannot see:
//
//   - Whether a write outlives a crash of the machine, a failover, or the restore
//     of a backup.
//   - Whether a second node sees a write at once. A store that caches, or reads
//     from a replica, passes if its own process sees its own writes.
//   - What happens once in a million calls. What many callers do to a session at
//     once is tried a thousand times and given to a checker of histories
//     (porcupine), which finds what no single look does, and no more.
//   - How the store behaves under load, with a full table, or with a pool that is
//     exhausted: how long calls wait, and whether they find their indexes.
//   - Whether RevokeUserSessions and DenySessions take one round trip or one for
//     each session. With 100 000 sessions that is the difference between a second
//     and a timeout.
//   - A database that answers slowly, or with half an answer: a connection that
//     breaks between two rows, or after a commit and before its answer.
//   - Whether a sweep holds locks that only some writes need, such as those of the
//     very rows that it deletes.
//   - Whether the CredentialVersion changes with whatever else the host's users log
//     in with: a new login, a factor that was removed, a lock-out that was lifted.
//   - How long Authenticate takes for each reason of a refusal, beyond the one
//     comparison of an unknown login with a wrong password.
//   - Rights, encryption, and what the database itself writes into its logs.
//
// A store that passes under the race detector (go test -race) has passed more than
// one that passes without.
package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/sallyport-go/sallyport/store"
)

// Fixture is what the rules are tried on. All but Store may be left out; the
// rules that need more are then skipped, and say so.
type Fixture struct {
	// Store is the store under test. Required.
	Store store.Store

	// APIKeys is what the host would put into the configuration's field of that
	// name; often the same value as Store. Nil skips the rules for keys.
	APIKeys store.APIKeys

	// AddUser makes a user who logs in with u.Login and password, and returns
	// them as Store is to return them from now on: a store that gives out IDs of
	// its own, or knows no seats, returns another ID and none. The
	// CredentialVersion may be left out: only the store knows it. It returns
	// [errors.ErrUnsupported], wrapped or not, for a user whom the host would
	// never have, say because all of its logins are e-mail addresses; a rule
	// that is about such a user is then skipped. Nil skips the rules that need a
	// user.
	AddUser func(ctx context.Context, u store.User, password string) (store.User, error)

	// SetPassword gives the user with this ID another password, as the host does
	// it. Nil skips the rules about a password that changes.
	SetPassword func(ctx context.Context, id, password string) error

	// AddUserToRenew is AddUser for a user whose password hash is of a kind that
	// Authenticate replaces by a better one: with fewer rounds, say, or of an
	// older scheme. Nil skips the rules about hashes that are renewed, for a store
	// that renews none.
	AddUserToRenew func(ctx context.Context, u store.User, password string) (store.User, error)

	// LockOut deletes the user with this ID or locks them out, as the host does
	// it. Nil skips the rules about users who may no longer enter.
	LockOut func(ctx context.Context, id string) error

	// Clients is what the host would put into the configuration's field of that
	// name, and SetClient registers a client there, as the host does it. Unless
	// both are set the rules for clients are skipped.
	Clients   store.Clients
	SetClient func(ctx context.Context, c store.Client) error

	// RemoveClient sees to it that the client with this ID may no longer be used.
	// Nil skips the rules about such clients.
	RemoveClient func(ctx context.Context, id string) error

	// Revocations is what the host would put into the configuration's field of
	// that name: the deny list. Nil skips the rules for it.
	Revocations store.Revocations

	// Reopen closes what there is and opens it once more, as a process does that
	// is started again: nothing may be carried over but what is in the database.
	// It returns what is to be tested from then on. Nil skips the rules about
	// restarts, for a store that does not outlive its process.
	Reopen func(ctx context.Context) (Fixture, error)

	// Break cuts the store off from its database, as a network that fails does, and
	// returns how to restore the connection: a proxy between the two that is
	// stopped and started will do. What is tested goes on as it is, with the pool
	// that it has. Nil skips the rules about a database that is away.
	Break func(ctx context.Context) (restore func(ctx context.Context) error, err error)

	// Batch is how many sessions DeleteExpiredSessions deletes in one step, for a
	// store that deletes more than a thousand. Two rules make a few times as many
	// of them. Zero: 1000, and neither rule is tried where the tests are to be
	// short (go test -short).
	Batch int

	// Many is how many sessions the rule about many makes, for a database that
	// takes its time. Zero: 50 000, but none where the tests are to be short (go
	// test -short).
	Many int

	// ForgetsExpired says that the store forgets expired sessions and denials by
	// itself, by a time to live or a job of its own. Rules that look for an
	// expired session are then skipped.
	ForgetsExpired bool
}

// Run tries every rule on a store, each in a subtest of its own, one after the
// other. It calls open for each of them; open may return a fresh store or the
// same one each time, and uses t to clean up after it.
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

// Check tries every rule on one fixture and returns nil if all hold, else the
// [*Failure] of each that does not, joined. It is Run for those who have no
// *testing.T. Of rules that were skipped it says nothing.
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
