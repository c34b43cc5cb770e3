package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// factored is a store whose users have a second factor.
type factored struct {
	*storeSpy

	edit func(*store.SecondFactorError) // nil: none
}

func (s factored) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := s.storeSpy.Authenticate(ctx, login, password)
	if err != nil {
		return store.User{}, err
	}
	e := &store.SecondFactorError{UserID: u.ID, CredentialVersion: u.CredentialVersion, Methods: []string{"otp", "hwk"}}
	if s.edit != nil {
		s.edit(e)
	}
	return store.User{}, e
}

const rightCode = tokens.Secret("123456")

func withFactor(c *tokens.Config) {
	c.Store = factored{storeSpy: c.Store.(*storeSpy)}
	c.SecondFactor = func(_ context.Context, userID, method, code string) ([]string, error) {
		switch {
		case code == "broken":
			return nil, errDriver
		case code == "nothing":
			return nil, nil
		case code == "two words":
			return []string{"one time"}, nil
		case userID != alice.ID || method != "" && method != "otp" || code != string(rightCode):
			return nil, store.ErrBadCredentials
		}
		return []string{"otp"}, nil
	}
}

// firstStep is a login whose password is right.
func (r *fixture) firstStep(tb testing.TB, req tokens.LoginRequest) *tokens.StepError {
	tb.Helper()
	req.Login, req.Password = "alice", password
	p, err := r.Login(tb.Context(), req)
	step, ok := errors.AsType[*tokens.StepError](err)
	if !ok || !errors.Is(err, tokens.ErrSecondFactor) || p.AccessToken != "" || p.RefreshToken != "" {
		tb.Fatalf("Login: %+v, %v", p, err)
	}
	return step
}

func TestCompleteLogin(t *testing.T) {
	t.Parallel()
	t.Run("a right password and a right factor make one session, that says both", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying, withFactor)
		step := r.firstStep(t, tokens.LoginRequest{ClientID: "shop", Label: "Firefox on Linux", Scopes: []string{"read"}})
		if step.ExpiresIn != 5*time.Minute || !slices.Equal(step.Methods, []string{"otp", "hwk"}) || !strings.HasPrefix(string(step.Token), "sp_st_") {
			t.Errorf("step = %+v", step)
		}
		e := r.journal.WantKinds(t, events.LoginStep)[0]
		if e.UserID != alice.ID || e.ClientID != "shop" {
			t.Errorf("event = %+v", e)
		}
		if all, _, err := r.Sessions(t.Context(), alice.ID, tokens.Page{}); err != nil || len(all) != 0 {
			t.Errorf("before the second step: sessions = %+v, %v", all, err)
		}
		if of, err := r.Step(t.Context(), step.Token); err != nil || of.UserID != alice.ID || of.ClientID != "shop" || !of.ExpiresAt.Equal(r.clock.time().Add(5*time.Minute)) {
			t.Errorf("Step: %+v, %v", of, err)
		}
		r.clock.move(time.Minute)
		p, err := r.CompleteLogin(t.Context(), tokens.StepRequest{Token: step.Token, Method: "otp", Code: rightCode, ClientID: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		got := r.verify(t, p.AccessToken)
		wantAuthentication(t, got, r.clock.time(), "pwd", "otp", "mfa")
		if got.Subject != alice.ID || got.ClientID != "shop" || got.Scope != "read" {
			t.Errorf("principal = %+v", got)
		}
		r.journal.WantKinds(t, events.Login)
		all, _, err := r.Sessions(t.Context(), alice.ID, tokens.Page{})
		if err != nil || len(all) != 1 || all[0].ID != got.SessionID || all[0].Label != "Firefox on Linux" {
			t.Errorf("sessions = %+v, %v", all, err)
		}
		r.refresh(t, p.RefreshToken)
		_, err = r.CompleteLogin(t.Context(), tokens.StepRequest{Token: step.Token, Code: rightCode})
		wantError(t, err, tokens.ErrInvalidStep)
		_, err = r.Step(t.Context(), step.Token)
		wantError(t, err, tokens.ErrInvalidStep)
	})
	t.Run("a wrong factor leaves the token valid, changes nothing, and is a login that was refused", func(t *testing.T) {
		t.Parallel()
		r := open(t, withFactor)
		step := r.firstStep(t, tokens.LoginRequest{})
		r.journal.Take()
		for _, wrong := range []tokens.StepRequest{{Code: "000000"}, {Code: rightCode, Method: "hwk"}, {Code: ""}, {Code: tokens.Secret(strings.Repeat("1", 8193))}, {Code: "\xff"}} {
			wrong.Token = step.Token
			r.unchanged(t, func() {
				_, err := r.CompleteLogin(t.Context(), wrong)
				wantError(t, err, tokens.ErrWrongFactor)
				if !errors.Is(err, tokens.ErrBadCredentials) {
					t.Errorf("%v is no ErrBadCredentials", err)
				}
			})
			e := r.journal.WantKinds(t, events.LoginRefused)[0]
			if e.LoginPseudonym != r.LoginPseudonym("alice") {
				t.Errorf("event = %+v", e)
			}
		}
		if _, err := r.CompleteLogin(t.Context(), tokens.StepRequest{Token: step.Token, Code: rightCode}); err != nil {
			t.Error(err)
		}
	})
	t.Run("a step token is nothing but a step token, and no other token is one", func(t *testing.T) {
		t.Parallel()
		r := open(t, withFactor)
		step := r.firstStep(t, tokens.LoginRequest{})
		pair, err := r.CompleteLogin(t.Context(), tokens.StepRequest{Token: step.Token, Code: rightCode})
		if err != nil {
			t.Fatal(err)
		}
		step = r.firstStep(t, tokens.LoginRequest{})
		r.refused(t, step.Token, tokens.ErrInvalidRefresh)
		r.refused(t, tokens.Secret(strings.Replace(string(step.Token), "_st_", "_rt_", 1)), tokens.ErrInvalidRefresh)
		if _, err := r.Verify(t.Context(), step.Token); !errors.Is(err, tokens.ErrInvalidToken) {
			t.Errorf("Verify: %v", err)
		}
		if of, err := r.Introspect(t.Context(), step.Token); err != nil || of.Active {
			t.Errorf("Introspect: %+v, %v", of, err)
		}
		text := string(step.Token)
		forged := []tokens.Secret{"", "sp_st_", pair.RefreshToken, pair.AccessToken, tokens.Secret(strings.Replace(string(pair.RefreshToken), "_rt_", "_st_", 1)), tokens.Secret(text + "A"), tokens.Secret(text + "\n")}
		for i := len("sp_st_"); i < len(text); i += 7 {
			other := byte('A')
			if text[i] == other {
				other = 'B'
			}
			forged = append(forged, tokens.Secret(text[:i]+string(other)+text[i+1:]))
		}
		r.store.take()
		for _, token := range forged {
			_, err := r.CompleteLogin(t.Context(), tokens.StepRequest{Token: token, Code: rightCode})
			wantError(t, err, tokens.ErrInvalidStep)
		}
		if calls := r.store.take(); len(calls) > 0 {
			t.Errorf("the store was asked %q", calls)
		}
		if fmt.Sprintf("%v %+v %#v", step, *step, step) == "" || strings.Contains(fmt.Sprintf("%v %+v", step, *step), text) || strings.Contains(step.Error(), text) {
			t.Error("the token is printed")
		}
	})
	for name, tt := range map[string]struct {
		between func(*testing.T, *fixture)
		req     tokens.StepRequest
		want    error
	}{
		"the step has expired": {func(_ *testing.T, r *fixture) { r.clock.move(5 * time.Minute) }, tokens.StepRequest{}, tokens.ErrInvalidStep},
		"the password has changed": {func(t *testing.T, r *fixture) {
			t.Helper()
			if err := r.store.memory.SetPassword(t.Context(), alice.ID, "another one that is long"); err != nil {
				t.Fatal(err)
			}
		}, tokens.StepRequest{}, tokens.ErrInvalidStep},
		"the user has logged out everywhere": {func(t *testing.T, r *fixture) {
			t.Helper()
			if err := r.LogoutEverywhere(t.Context(), alice.ID); err != nil {
				t.Fatal(err)
			}
		}, tokens.StepRequest{}, tokens.ErrInvalidStep},
		"the user is gone": {func(t *testing.T, r *fixture) {
			t.Helper()
			if err := r.store.memory.RemoveUser(t.Context(), alice.ID); err != nil {
				t.Fatal(err)
			}
		}, tokens.StepRequest{}, tokens.ErrInvalidStep},
		"another client has the token":        {nil, tokens.StepRequest{ClientID: "other"}, tokens.ErrInvalidStep},
		"the client cannot be one":            {nil, tokens.StepRequest{ClientID: "\xff"}, tokens.ErrMalformed},
		"the method is of two words":          {nil, tokens.StepRequest{Method: "one time"}, tokens.ErrMalformed},
		"the host cannot check the factor":    {nil, tokens.StepRequest{Code: "broken"}, tokens.ErrUnavailable},
		"the host says that nothing is shown": {nil, tokens.StepRequest{Code: "nothing"}, tokens.ErrContract},
		"the host proves what has no name":    {nil, tokens.StepRequest{Code: "two words"}, tokens.ErrContract},
		"the token does not fit into cookies": {nil, tokens.StepRequest{MaxAccess: 10}, tokens.ErrClaims},
		"the counters refuse":                 {nil, tokens.StepRequest{BeforeFactor: func(context.Context) error { return errDriver }}, errDriver},
	} {
		t.Run("no tokens if "+name, func(t *testing.T) {
			t.Parallel()
			r := open(t, withFactor)
			step := r.firstStep(t, tokens.LoginRequest{ClientID: "shop"})
			if tt.between != nil {
				tt.between(t, r)
			}
			req := tt.req
			req.Token = step.Token
			if req.Code == "" {
				req.Code = rightCode
			}
			r.unchanged(t, func() {
				p, err := r.CompleteLogin(t.Context(), req)
				if !errors.Is(err, tt.want) || p.AccessToken != "" {
					t.Errorf("error = %v, want %v", err, tt.want)
				}
			})
		})
	}
	t.Run("the step is used up after the tokens are made, and a store that fails there gives none", func(t *testing.T) {
		t.Parallel()
		for _, call := range []string{"AdvanceSession", "CreateSession"} {
			r := open(t, withFactor)
			step := r.firstStep(t, tokens.LoginRequest{})
			r.store.step(first(call, func() error { return errDriver }), nil)
			_, err := r.CompleteLogin(t.Context(), tokens.StepRequest{Token: step.Token, Code: rightCode})
			wantError(t, err, tokens.ErrUnavailable)
			r.store.step(nil, nil)
			_, err = r.CompleteLogin(t.Context(), tokens.StepRequest{Token: step.Token, Code: rightCode})
			if used := err != nil; used != (call == "CreateSession") {
				t.Errorf("after a failed %s: %v", call, err)
			}
		}
	})
	t.Run("steps that are never completed count for no limit, and Sweep deletes them", func(t *testing.T) {
		t.Parallel()
		r := open(t, withFactor, atMost(1))
		step := r.firstStep(t, tokens.LoginRequest{})
		p, err := r.CompleteLogin(t.Context(), tokens.StepRequest{Token: step.Token, Code: rightCode})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_ = r.firstStep(t, tokens.LoginRequest{})
		}
		r.refresh(t, p.RefreshToken)
		r.clock.move(5 * time.Minute)
		if n, err := r.Sweep(t.Context()); err != nil || n != 4 {
			t.Errorf("Sweep: %d, %v", n, err)
		}
	})
	for name, tt := range map[string]struct {
		edit func(*store.SecondFactorError)
		want error
	}{
		"without the user":                {func(e *store.SecondFactorError) { e.UserID = "" }, tokens.ErrContract},
		"without the version":             {func(e *store.SecondFactorError) { e.CredentialVersion = "" }, tokens.ErrContract},
		"with a version that is long":     {func(e *store.SecondFactorError) { e.CredentialVersion = strings.Repeat("a", 513) }, tokens.ErrContract},
		"with a version that was changed": {func(e *store.SecondFactorError) { e.CredentialVersion = "before" }, tokens.ErrBadCredentials},
		"of a user who is gone":           {func(e *store.SecondFactorError) { e.UserID = "u-gone" }, tokens.ErrBadCredentials},
	} {
		t.Run("a host that asks for a factor "+name+" gets no step", func(t *testing.T) {
			t.Parallel()
			r := open(t, withFactor, func(c *tokens.Config) { c.Store = factored{c.Store.(factored).storeSpy, tt.edit} })
			r.unchanged(t, func() {
				_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
				if !errors.Is(err, tt.want) {
					t.Errorf("error = %v, want %v", err, tt.want)
				}
			})
		})
	}
	t.Run("a scope that the user does not hold is refused at the first step", func(t *testing.T) {
		t.Parallel()
		r := open(t, withFactor)
		r.unchanged(t, func() {
			_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, Scopes: []string{"root"}})
			wantError(t, err, tokens.ErrInvalidScope)
		})
	})
	t.Run("without Config.SecondFactor there are no steps", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		if r.CompletesLogins() {
			t.Error("CompletesLogins")
		}
		_, err := r.CompleteLogin(t.Context(), tokens.StepRequest{Token: "sp_st_", Code: rightCode})
		wantError(t, err, tokens.ErrMalformed)
	})
}
