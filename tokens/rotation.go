package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// RefreshRequest is a request with a refresh token (RFC 6749 §6), to refresh a
// session or to end it.
type RefreshRequest struct {
	// Token is required: the refresh token.
	Token Secret

	// ClientID is the client that presents the token. Empty: no client is named,
	// which is allowed only for public clients if Config.Clients is set. A client
	// other than the session's is rejected, and the session stays unchanged.
	ClientID string

	// ClientSecret is the client's secret. It is required if Config.Clients has a
	// secret for the client, and ignored otherwise.
	ClientSecret Secret

	// ClientAsSent is as in LoginRequest.
	ClientAsSent ClientCredentials

	// Scopes narrow the access token of this refresh, and of no later one: at most
	// 64 scope-tokens. Each must be held by the user now, and allowed by the session
	// and its client; otherwise Refresh returns ErrInvalidScope and the session
	// stays unchanged. Nil: all such scopes. Empty and not nil: ErrInvalidScope.
	// Logout ignores it.
	Scopes []string

	// MaxAccess is the maximum length of the access token, in bytes, for a caller
	// whose transport limits it, such as a cookie. For a longer one Refresh returns
	// ErrClaims, and the session stays unchanged. Zero: MaxAccessToken. Logout
	// ignores it.
	MaxAccess int
}

// Refresh exchanges a refresh token for a new pair, once (RFC 6749 §6). The user
// is read again: a user who may no longer log in is rejected, and the new access
// token has the current tier, seats and scopes. A session whose CredentialVersion
// differs from its user's was created with an old password: it is revoked, and
// Refresh returns ErrRevokedRefresh.
//
// If any number of callers present one token, exactly one of them advances the
// session. The others depend on Config.RetryGrace, or on the Grace of a
// registered client. Without a grace the token was used twice, and the session is
// revoked before the others get ErrReused. Within the grace they get the same
// successor as the first caller.
//
// A request that is rejected for another reason changes nothing: a client that
// fails authentication, a token of another client, a token that is not genuine, a
// token whose session has ended, or a scope that the session does not have.
//
// It returns ErrInvalidClient, ErrUnauthorizedClient, ErrMalformed,
// ErrInvalidRefresh and its kinds, ErrInvalidScope, ErrClaims or ErrUnavailable.
// After ErrUnavailable the session may or may not have advanced. The same token
// may be presented again, and with RetryGrace that is safe.
func (a *Authority) Refresh(ctx context.Context, r RefreshRequest) (Pair, error) {
	if err := r.Check(); err != nil {
		a.Report(ctx, events.Event{Kind: events.RefreshRefused, ClientID: printable(r.ClientID), Err: err})
		return Pair{}, err
	}
	token, genuine := a.refresh.open(r.Token)
	if genuine || a.registers() { // otherwise nothing is asked that a deadline could end
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.timeout)
		defer cancel()
	}
	named, err := a.presenter(ctx, r.ClientID, r.ClientSecret, r.ClientAsSent)
	if err == nil {
		err = named.mayRefresh()
	}
	if err != nil {
		a.Report(ctx, events.Event{Kind: failure(err, events.RefreshRefused), ClientID: printable(r.ClientID), Err: err})
		return Pair{}, err
	}
	if !genuine {
		a.Report(ctx, events.Event{Kind: events.RefreshRefused, ClientID: printable(r.ClientID), Err: errNotGenuine})
		return Pair{}, errNotGenuine
	}
	id := token.secret.id()
	s, p, err := a.rotate(ctx, token, id, named, r)
	e := events.Event{
		Kind: events.Refresh, UserID: s.UserID, Account: p.Principal.Account, ClientID: s.ClientID,
		SessionID: id, Generation: token.generation, Err: err,
	}
	switch {
	case err == nil && p.Replayed:
		e.Kind = events.Replay
	case err == nil:
	case errors.Is(err, ErrReused):
		e.Kind = events.Reuse
	default:
		e.Kind = failure(err, events.RefreshRefused)
	}
	a.Report(ctx, e)
	return p, err
}

var errNotGenuine = fmt.Errorf("%w: not genuine", ErrInvalidRefresh)

// standing is how a token relates to the generation of its session.
type standing int

const (
	// current: the newest token, which may advance the session.
	current standing = iota

	// replay: the token before it, within the grace.
	replay

	// reused: an older token, or one whose grace has passed.
	reused
)

// rotate decides, makes the tokens, and writes last, because only the write
// cannot be undone. A caller that lost the race to the write reads the session
// once more. The session has advanced by then, so a third attempt cannot be
// needed.
func (a *Authority) rotate(ctx context.Context, token presented, id string, named client, r RefreshRequest) (store.Session, Pair, error) {
	for range 2 {
		s, err := a.session(ctx, id)
		if err != nil {
			return store.Session{}, Pair{}, err
		}
		c, err := a.holder(ctx, named, s)
		if err != nil {
			return s, Pair{}, err
		}
		if err := c.mayRefresh(); err != nil {
			return s, Pair{}, err
		}
		now := a.now()
		how, err := stands(s, token, now, a.graceOf(c))
		if err != nil {
			return s, Pair{}, a.refuse(ctx, s, err)
		}
		if how == reused {
			return s, Pair{}, a.revokeReused(ctx, s)
		}
		next := s
		if how == current {
			next.Generation++
			next.IdleUntil = earlier(now.Add(a.idleTTL), s.ExpiresAt)
		}
		p, err := a.successor(ctx, next, token.secret, c, r)
		if errors.Is(err, errMoved) {
			return s, Pair{}, errors.Join(a.revokePresented(ctx, s), err)
		}
		if err != nil {
			return s, Pair{}, err
		}
		if how == replay {
			p.Replayed = true
			return s, p, nil
		}
		err = a.store.AdvanceSession(ctx, s.ID, s.Generation, now, next.IdleUntil)
		switch {
		case err == nil:
			return s, p, nil
		case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
			continue
		default:
			return s, Pair{}, unavailable("advance session", err)
		}
	}
	return store.Session{}, Pair{}, unavailable("advance session", errStale)
}

var errStale = errors.New("the store refused to advance a session that it then showed unchanged")

// session reads a session whose token is genuine.
func (a *Authority) session(ctx context.Context, id string) (store.Session, error) {
	s, err := a.store.Session(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Session{}, fmt.Errorf("%w: %w", ErrInvalidRefresh, err)
	case err != nil:
		return store.Session{}, unavailable("session", err)
	}
	return s, nil
}

// stands returns how a genuine token relates to its session, or why the session
// has ended. A revoked session has ended for the previous token too, even within
// the grace.
func stands(s store.Session, token presented, now time.Time, grace time.Duration) (standing, error) {
	switch {
	case token.generation < 1, s.Generation < 1:
		return 0, fmt.Errorf("%w: the session is not open yet", ErrInvalidRefresh)
	case !s.RevokedAt.IsZero():
		return 0, ErrRevokedRefresh
	case s.Actor != "":
		return 0, fmt.Errorf("%w: who acts for a user does not refresh", ErrInvalidRefresh)
	case !now.Before(s.IdleUntil), !now.Before(s.ExpiresAt):
		return 0, ErrExpiredRefresh
	case token.generation == s.Generation:
		return current, nil
	case token.generation > s.Generation:
		// the token is genuine, so the store has lost a committed write
		return 0, fmt.Errorf("%w: the store is behind the token", ErrInvalidRefresh)
	case grace <= 0, token.generation < s.Generation-1:
		return reused, nil
	}
	switch since := now.Sub(s.AdvancedAt); {
	case since < -maxClockSkew:
		// neither replayed nor revoked: a replay would extend the grace by as much
		// as the clock is behind, and a revocation would end valid sessions
		return 0, fmt.Errorf("%w, by %v", ErrClock, -since)
	case since < grace:
		return replay, nil
	}
	return reused, nil
}

// maxClockSkew is how far this node's clock may be behind the time at which
// another node advanced a session.
const maxClockSkew = 2 * time.Second

// refuse returns over, the reason why a session has ended. If the session was
// revoked, its access tokens are denied now, in case they were not.
func (a *Authority) refuse(ctx context.Context, s store.Session, over error) error {
	if errors.Is(over, ErrRevokedRefresh) {
		if err := a.denyAgain(ctx, s.ID, a.over(s.RevokedAt)); err != nil {
			return err
		}
	}
	return over
}

// revokeReused revokes a session whose used token was presented again. The
// revocation completes even if the client disconnects.
func (a *Authority) revokeReused(ctx context.Context, s store.Session) error {
	if err := a.revokePresented(ctx, s); err != nil {
		return fmt.Errorf("after a reuse: %w", err)
	}
	return ErrReused
}

// successor makes the tokens of a session as it will be, for its user as they are
// now.
func (a *Authority) successor(ctx context.Context, s store.Session, secret sessionSecret, c client, r RefreshRequest) (Pair, error) {
	user, err := a.user(ctx, s.UserID, ErrRevokedRefresh)
	if err != nil {
		return Pair{}, err
	}
	if outdated(s.CredentialVersion, user) {
		return Pair{}, fmt.Errorf("%w: %w", ErrRevokedRefresh, errMoved)
	}
	granted, err := grant(held(user.Scopes, s.Scopes, c.Scopes), r.Scopes)
	if err != nil {
		return Pair{}, err
	}
	p, err := a.pairOf(ctx, user, s, secret, c, granted, r.Scopes)
	switch {
	case errors.Is(err, errOver):
		return Pair{}, ErrExpiredRefresh
	case err != nil:
		return Pair{}, err
	}
	return p, p.fits(r.MaxAccess)
}
