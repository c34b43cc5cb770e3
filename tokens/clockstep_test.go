package tokens_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// The clock of a node is set, forward or back, and right again later. A token that was
// made before is valid by the clock as it is; no session ends for the step; and the
// newest refresh token works afterwards.
func TestFaultC15ClockStepsAndTokens(t *testing.T) {
	t.Parallel()
	const leeway = 30 * time.Second
	for _, test := range []struct {
		step          time.Duration
		verified      error // of an access token that was made before
		refreshed     error // of a refresh token that was
		verifiedAfter error // of the access token of that refresh, when the clock is right again
	}{
		{-48 * time.Hour, tokens.ErrInvalidToken, nil, tokens.ErrInvalidToken},
		{-time.Hour, tokens.ErrInvalidToken, nil, nil}, // it has expired for less than the leeway
		{-time.Minute, tokens.ErrInvalidToken, nil, nil},
		{-leeway - 10*time.Second - time.Microsecond, tokens.ErrInvalidToken, nil, nil},
		{-leeway - 10*time.Second, nil, nil, nil}, // tokens are valid from 10 s before
		{-time.Second, nil, nil, nil},
		{time.Second, nil, nil, nil},
		{leeway, nil, nil, nil},
		{time.Minute, nil, nil, tokens.ErrInvalidToken}, // it is of the future
		{time.Hour + leeway - time.Second, nil, nil, tokens.ErrInvalidToken},
		{time.Hour + leeway, tokens.ErrExpiredToken, nil, tokens.ErrInvalidToken},
		{29 * 24 * time.Hour, tokens.ErrInvalidToken, nil, tokens.ErrInvalidToken},
		{100 * 24 * time.Hour, tokens.ErrInvalidToken, tokens.ErrExpiredRefresh, nil},
	} {
		t.Run(test.step.String(), func(t *testing.T) {
			t.Parallel()
			r := open(t, func(c *tokens.Config) { c.Leeway = leeway })
			newest := r.login(t)
			r.clock.move(test.step)
			verify := func(when string, p tokens.Pair, want error) {
				t.Helper()
				if _, err := r.Verify(t.Context(), p.AccessToken); !errors.Is(err, want) || want == nil && err != nil {
					t.Errorf("%s: Verify = %v, want %v", when, err, want)
				}
			}
			verify("a token of before the step", newest, test.verified)
			p, err := r.Refresh(t.Context(), tokens.RefreshRequest{Token: newest.RefreshToken})
			switch {
			case !errors.Is(err, test.refreshed) || test.refreshed == nil && err != nil:
				t.Fatalf("Refresh = %v, want %v", err, test.refreshed)
			case err == nil:
				newest = p
				verify("a new token", newest, nil)
			}
			r.clock.move(-test.step)
			verify("when the clock is right again", newest, test.verifiedAfter)
			verify("the next one", r.refresh(t, newest.RefreshToken), nil)
			for _, e := range r.journal.Take() {
				if e.Kind == events.Reuse || e.Kind.IsFault() {
					t.Errorf("an event says %s: %v", e.Kind, e.Err)
				}
			}
		})
	}
}
