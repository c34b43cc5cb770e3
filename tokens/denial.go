package tokens

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// bounded returns a context for a write that must complete even if the caller
// disconnects, with a timeout of its own.
func (a *Authority) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), a.timeout)
}

// atLength is bounded for a call that may concern all sessions of a user.
func (a *Authority) atLength(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 4*a.timeout)
}

// over returns when the last access token that a session has at a given time has
// expired on every node. One may be about to be issued, and clocks differ.
func (a *Authority) over(at time.Time) time.Time {
	return at.Add(a.accessTTL + a.timeout + 3*a.leeway)
}

// ended is a session or key that is about to be revoked: the "sid" of its access
// tokens, and when it would have expired.
type ended struct {
	sid  string
	ends time.Time
}

func endedSessions(sessions ...store.Session) []ended {
	all := make([]ended, len(sessions))
	for i, s := range sessions {
		all[i] = ended{s.ID, s.ExpiresAt}
	}
	return all
}

// revoke ends sessions or keys with write. Their access tokens are denied first,
// with those that may still be issued: so whichever step fails, no token of
// theirs is accepted after the first. If the denial fails, nothing was written,
// and the same request finds the same sessions again.
func (a *Authority) revoke(ctx context.Context, gone []ended, write func(context.Context, time.Time) error) error {
	now := a.now()
	if err := a.deny(ctx, gone, a.over(now)); err != nil {
		return err
	}
	return a.write(ctx, gone, now, write)
}

// atOnce is how many sessions are denied with one call of the deny list.
const atOnce = 1000

// revokeAll ends all sessions of a user, except one if except is not empty. The store
// ends them first, with one call, so that none can be refreshed even if the second
// step fails. Then their access tokens are denied: those of all sessions that were
// used, and ended, recently enough to have a valid access token, so that the same
// call, made again after a failure, denies the rest.
func (a *Authority) revokeAll(ctx context.Context, userID, except string) error {
	now := a.now()
	until := a.over(now)
	within, cancel := a.atLength(ctx)
	defer cancel()
	since := now.Add(now.Sub(until) - maxGrace) // a replay makes an access token and does not advance the session
	ids, err := a.store.RevokeUserSessions(within, userID, except, now, since)
	if err != nil {
		a.denyOpen(ctx, userID, except)
		return unavailable("revoke user's sessions", err)
	}
	if a.revocations == nil {
		return nil
	}
	for some := range slices.Chunk(a.unfinished.left(userID, ids), atOnce) {
		if err := a.denyMany(ctx, some, until); err != nil {
			return err
		}
		a.unfinished.add(userID, some)
	}
	a.unfinished.remove(userID)
	return nil
}

// denyOpen denies the access tokens of a user's sessions that could not be
// revoked, for as long as the sessions can last. It is a best effort: its errors
// are ignored, because the caller returns an error already.
func (a *Authority) denyOpen(ctx context.Context, userID, except string) {
	if a.revocations == nil {
		return
	}
	within, cancel := a.bounded(ctx)
	defer cancel()
	after := store.Newest()
	for more := true; more; {
		page, err := a.store.UserSessions(within, userID, after, store.MaxPage)
		if err != nil || len(page) == 0 {
			return
		}
		var last time.Time
		var ids []string
		for _, s := range page {
			if s.ID == except {
				continue
			}
			ids = append(ids, s.ID)
			if s.ExpiresAt.After(last) {
				last = s.ExpiresAt
			}
		}
		if len(ids) > 0 && a.denyMany(ctx, ids, a.over(last)) != nil {
			return
		}
		after, more = page[len(page)-1].Cursor(), len(page) == store.MaxPage
	}
}

// denyMany denies the access tokens of sessions with one call, even if the caller
// disconnects.
func (a *Authority) denyMany(ctx context.Context, ids []string, until time.Time) error {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	if err := a.revocations.DenySessions(ctx, ids, until); err != nil {
		return unavailable("deny sessions", err)
	}
	return nil
}

// revokePresented ends a session of which a token was presented. Each step is
// made even if the other fails: the next request with the token finds the
// session, and denies it if it is not denied yet.
func (a *Authority) revokePresented(ctx context.Context, s store.Session) error {
	now, gone := a.now(), endedSessions(s)
	denied := a.deny(ctx, gone, a.over(now))
	return errors.Join(denied, a.write(ctx, gone, now, func(ctx context.Context, at time.Time) error {
		return a.store.RevokeSession(ctx, s.ID, at)
	}))
}

// write is the second step of a revocation. If it fails, the session or key may
// still be active, so the denial is extended to the time at which it expires. If
// that fails too, the first denial stands, and the caller gets an error.
func (a *Authority) write(ctx context.Context, gone []ended, now time.Time, write func(context.Context, time.Time) error) error {
	within, cancel := a.bounded(ctx)
	defer cancel()
	err := write(within, now)
	if err == nil {
		return nil
	}
	for _, e := range gone {
		if e.ends.After(now) {
			_ = a.deny(ctx, []ended{e}, a.over(e.ends))
		}
	}
	return unavailable("revoke", err)
}

// denyAgain denies the access tokens of a session or key that was revoked before:
// that revocation may have failed between its two steps, or may have been made
// without the deny list. It writes nothing if they are denied already, or if all
// have expired.
func (a *Authority) denyAgain(ctx context.Context, sid string, until time.Time) error {
	if a.revocations == nil || !until.After(a.now()) {
		return nil
	}
	within, cancel := a.bounded(ctx)
	defer cancel()
	if denied, err := a.revocations.SessionDenied(within, sid); err == nil && denied {
		return nil
	}
	return a.deny(ctx, []ended{{sid: sid}}, until)
}

// deny puts at most atOnce sessions or keys on the deny list, even if the caller
// disconnects.
func (a *Authority) deny(ctx context.Context, gone []ended, until time.Time) error {
	if a.revocations == nil {
		return nil
	}
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	var err error
	if len(gone) == 1 {
		err = a.revocations.DenySession(ctx, gone[0].sid, until)
	} else if len(gone) > 1 {
		sids := make([]string, len(gone))
		for i, e := range gone {
			sids[i] = e.sid
		}
		err = a.revocations.DenySessions(ctx, sids, until)
	}
	if err != nil {
		return unavailable("deny sessions", err)
	}
	return nil
}

// checkDenied returns ErrRevokedToken if the principal's session is on the deny
// list.
func (a *Authority) checkDenied(ctx context.Context, p Principal) error {
	if a.revocations == nil || p.SessionID == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	denied, err := a.revocations.SessionDenied(ctx, p.SessionID)
	switch {
	case err != nil:
		err = a.failed(ctx, unavailable("deny list", err))
		if a.ignoreDenyFailure {
			return nil
		}
		return err
	case denied:
		return ErrRevokedToken
	}
	return nil
}

// unfinished records which sessions were denied by calls of revokeAll that then
// failed, so that the next call for the same user continues where the last one
// stopped. It only saves work: a session that is not recorded is denied again.
type unfinished struct {
	mu     sync.Mutex
	denied map[string]map[string]struct{} // by user: the IDs of sessions
	size   int
}

// maxUnfinished is the maximum number of recorded sessions, about 20 MiB.
const maxUnfinished = 200_000

// left returns the IDs that are not recorded.
func (u *unfinished) left(userID string, ids []string) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	denied := u.denied[userID]
	if len(denied) == 0 {
		return ids
	}
	return slices.DeleteFunc(ids, func(id string) bool {
		_, ok := denied[id]
		return ok
	})
}

// add records IDs. If there are too many, it drops all earlier ones.
func (u *unfinished) add(userID string, ids []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.size+len(ids) > maxUnfinished || u.denied == nil {
		u.denied, u.size = map[string]map[string]struct{}{}, 0
	}
	denied := u.denied[userID]
	if denied == nil {
		denied = map[string]struct{}{}
		u.denied[userID] = denied
	}
	before := len(denied)
	for _, id := range ids {
		denied[id] = struct{}{}
	}
	u.size += len(denied) - before
}

// remove drops the records of a user whose sessions are all denied.
func (u *unfinished) remove(userID string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.size -= len(u.denied[userID])
	delete(u.denied, userID)
}
