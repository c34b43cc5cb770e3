package databases_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// twoFactors is a store whose users all have a second factor.
type twoFactors struct{ store.Store }

func (s twoFactors) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := s.Store.Authenticate(ctx, login, password)
	if err != nil {
		return store.User{}, err
	}
	return store.User{}, &store.SecondFactorError{UserID: u.ID, CredentialVersion: u.CredentialVersion, Methods: []string{"otp"}}
}

func TestAStepTokenIsSingleUseOnEveryStore(t *testing.T) {
	t.Parallel()
	hosts(t, func(t *testing.T, _ string, h host) {
		const racers = 64
		a := h.authority(t, h.store, func(c *tokens.Config) {
			c.Store = twoFactors{c.Store}
			c.SecondFactor = func(_ context.Context, _, _, code string) ([]string, error) {
				if code != "123456" {
					return nil, store.ErrBadCredentials
				}
				return []string{"otp"}, nil
			}
		})
		for range 3 {
			_, err := a.Login(t.Context(), tokens.LoginRequest{Login: "ada", Password: adas})
			step, ok := errors.AsType[*tokens.StepError](err)
			if !ok {
				t.Fatalf("Login: %v", err)
			}
			_, err = a.CompleteLogin(t.Context(), tokens.StepRequest{Token: step.Token, Code: "000000"})
			wants(t, err, tokens.ErrWrongFactor, "CompleteLogin with a wrong factor")
			var won atomic.Pointer[tokens.Pair]
			winners := 0
			for _, err := range atOnce(racers, func(int) error {
				p, err := a.CompleteLogin(t.Context(), tokens.StepRequest{Token: step.Token, Code: "123456"})
				if err == nil {
					won.Store(&p)
				}
				return err
			}) {
				switch {
				case err == nil:
					winners++
				case !errors.Is(err, tokens.ErrInvalidStep):
					t.Error(err)
				}
			}
			if winners != 1 {
				t.Fatalf("%d of %d callers got tokens", winners, racers)
			}
			if all, _, err := a.Sessions(t.Context(), won.Load().Principal.Subject, tokens.Page{}); err != nil || len(all) != 1 || all[0].ID != won.Load().Principal.SessionID {
				t.Fatalf("sessions = %+v, %v", all, err)
			}
			must(t, a.LogoutEverywhere(t.Context(), won.Load().Principal.Subject))
		}
	})
}
