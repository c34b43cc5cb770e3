package middleware_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// factored is a store whose users have a second factor.
type factored struct{ store.Store }

func (s factored) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := s.Store.Authenticate(ctx, login, password)
	if err != nil {
		return store.User{}, err
	}
	return store.User{}, &store.SecondFactorError{UserID: u.ID, CredentialVersion: u.CredentialVersion, Methods: []string{"otp"}}
}

func withFactor(c *config) {
	c.tokens.Store = factored{c.tokens.Store}
	c.tokens.SecondFactor = func(_ context.Context, _, _, code string) ([]string, error) {
		if code != "123456" {
			return nil, store.ErrBadCredentials
		}
		return []string{"otp"}, nil
	}
}

// stepOf returns the step token of an answer.
func stepOf(tb testing.TB, w *httptest.ResponseRecorder) string {
	tb.Helper()
	var body struct {
		Token     string   `json:"step_token"`
		ExpiresIn int      `json:"step_expires_in"`
		Methods   []string `json:"step_methods"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Token == "" || body.ExpiresIn != 300 || len(body.Methods) != 1 || body.Methods[0] != "otp" {
		tb.Fatalf("%d %s, %v", w.Code, w.Body, err)
	}
	return body.Token
}

// complete sends a step token and a code from an address.
func (d *harness) complete(tb testing.TB, step, code, from string) *httptest.ResponseRecorder {
	tb.Helper()
	r := request(tb, "POST /complete\n"+form+"\n\nstep_token="+url.QueryEscape(step)+"&code="+url.QueryEscape(code))
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 4711).String()
	return d.send(r)
}

func TestCompleteLogin(t *testing.T) {
	t.Parallel()
	for i, want := range []struct {
		step, wrong, used, missing int
		says, wrongSays, usedSays  string
	}{
		{400, 400, 400, 400, `{"error":"invalid_grant","error_description":"A second factor is required","step_token":"`,
			`{"error":"invalid_grant","error_description":"The second factor is wrong"}`,
			`{"error":"invalid_grant","error_description":"The step token is invalid, expired or used"}`},
		{401, 401, 401, 400, `{"code":401,"message":"A second factor is required.","step_token":"`,
			`{"code":401,"message":"Invalid second factor."}`, `{"code":401,"message":"Invalid step token."}`},
		{400, 400, 400, 422, `{"detail":"LOGIN_SECOND_FACTOR_REQUIRED","step_token":"`,
			`{"detail":"LOGIN_BAD_SECOND_FACTOR"}`, `{"detail":"LOGIN_BAD_STEP_TOKEN"}`},
	} {
		dialect := dialects[i]
		t.Run(dialect.name+" speaks both steps", func(t *testing.T) {
			t.Parallel()
			d := open(t, speaking(dialect.dialect), withFactor)
			first := d.ask(t, "POST /login\n"+form+"\n\n"+url.Values{dialect.login: {"alice"}, dialect.pass: {password}}.Encode())
			wantStatus(t, first, want.step)
			if !strings.HasPrefix(first.Body.String(), want.says) {
				t.Errorf("first step: %s", first.Body)
			}
			if first.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("header = %v", first.Header())
			}
			step := stepOf(t, first)
			d.journal.WantKinds(t, events.LoginStep)
			wrong := d.complete(t, step, "000000", home)
			wantStatus(t, wrong, want.wrong)
			if wrong.Body.String() != want.wrongSays {
				t.Errorf("wrong factor: %s", wrong.Body)
			}
			wantStatus(t, d.ask(t, "POST /complete\n"+form+"\n\nstep_token="+step), want.missing)
			wantStatus(t, d.ask(t, "POST /complete\n"+form+"\n\ncode=123456"), want.missing)
			wantStatus(t, d.ask(t, "GET /complete\n\n"), http.StatusMethodNotAllowed)
			right := d.complete(t, step, "123456", home)
			wantStatus(t, right, http.StatusOK)
			if p := d.principal(t, right); p.Subject != alice.ID || fmt.Sprint(p.Methods()) != "[pwd otp mfa]" {
				t.Errorf("principal = %+v, %q", p, p.Methods())
			}
			used := d.complete(t, step, "123456", home)
			wantStatus(t, used, want.used)
			if used.Body.String() != want.usedSays {
				t.Errorf("used: %s", used.Body)
			}
			unknown := d.complete(t, "sp_st_nonsense", "123456", home)
			if unknown.Code != used.Code || unknown.Body.String() != used.Body.String() {
				t.Errorf("nonsense: %d %s", unknown.Code, unknown.Body)
			}
		})
	}
	t.Run("the token endpoint gives a step token too", func(t *testing.T) {
		t.Parallel()
		d := open(t, withFactor, func(c *config) { c.auth.PasswordGrant = true })
		stepOf(t, d.ask(t, "POST /token\n"+form+"\n\ngrant_type=password&username=alice&password="+url.QueryEscape(password)))
	})
	t.Run("in cookies, the second step sets them, and reads remember_me", func(t *testing.T) {
		t.Parallel()
		d := open(t, withFactor, func(c *config) { c.auth.Cookies = &middleware.Cookies{RefreshPath: "/auth", Remember: "remember_me"} })
		step := stepOf(t, d.ask(t, "POST /login\n"+logsIn))
		for remember, age := range map[string]bool{"": false, "&remember_me=1": true} {
			w := d.ask(t, "POST /complete\n"+form+"\n\nstep_token="+step+"&code=123456"+remember)
			wantStatus(t, w, http.StatusNoContent)
			if strings.Contains(cookiesOf(w), "Max-Age=259") != age || !strings.Contains(cookiesOf(w), "{refresh}") {
				t.Errorf("cookies = %s", cookiesOf(w))
			}
			step = stepOf(t, d.ask(t, "POST /login\n"+logsIn))
		}
		wantStatus(t, d.ask(t, "POST /complete\n"+fromAfar+form+"\n\nstep_token="+step+"&code=123456"), http.StatusForbidden)
	})
	t.Run("a host without SecondFactor is told", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		wantStatus(t, d.complete(t, "sp_st_nonsense", "123456", home), http.StatusInternalServerError)
		d.journal.WantKinds(t, events.Fault)
	})
}

func TestFaultA9WrongFactorsAreCounted(t *testing.T) {
	t.Parallel()
	t.Run("together with wrong passwords of the same login from the same address", func(t *testing.T) {
		t.Parallel()
		d := open(t, withFactor)
		step := stepOf(t, d.try(t, "alice", password, home))
		for range 10 {
			wantStatus(t, d.try(t, "alice", "wrong", home), http.StatusBadRequest)
			wantStatus(t, d.complete(t, step, "000000", home), http.StatusBadRequest)
		}
		d.store.take()
		for _, code := range []string{"000000", "123456"} {
			w := d.complete(t, step, code, home)
			wantStatus(t, w, http.StatusTooManyRequests)
			if w.Header().Get("Retry-After") != "180" {
				t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
			}
		}
		wantStatus(t, d.try(t, "alice", password, home), http.StatusTooManyRequests)
		e := d.journal.Take()
		if last := e[len(e)-1]; last.Kind != events.Throttled || last.LoginPseudonym != d.tokens.LoginPseudonym("alice") || last.Policy != "bruteforce/pair" {
			t.Errorf("event = %+v", last)
		}
		// nor does a new step give a new budget, and the user elsewhere is not locked out
		other := stepOf(t, d.try(t, "alice", password, address(1)))
		wantStatus(t, d.complete(t, other, "123456", home), http.StatusTooManyRequests)
		wantStatus(t, d.complete(t, other, "123456", address(1)), http.StatusOK)
		if err := d.LiftLockout(t.Context(), "alice", netip.MustParseAddr(home)); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, d.complete(t, step, "123456", home), http.StatusOK)
	})
	t.Run("a right password gives no wrong factor back, and a login that is complete does", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			d := open(t, withFactor)
			for range 19 {
				wantStatus(t, d.complete(t, stepOf(t, d.try(t, "alice", password, home)), "000000", home), http.StatusBadRequest)
			}
			step := stepOf(t, d.try(t, "alice", password, home))
			wantStatus(t, d.complete(t, step, "123456", home), http.StatusOK)
			step = stepOf(t, d.try(t, "alice", password, home))
			for range 19 {
				wantStatus(t, d.complete(t, step, "000000", home), http.StatusBadRequest)
			}
			wantStatus(t, d.complete(t, step, "123456", home), http.StatusOK)
		})
	})
	t.Run("all addresses together have the budget of the login", func(t *testing.T) {
		t.Parallel()
		d := open(t, withFactor)
		step := stepOf(t, d.try(t, "alice", password, home))
		looked := 0
		for i := range 80 {
			if d.complete(t, step, "000000", address(i)).Code == http.StatusBadRequest {
				looked++
			}
		}
		if looked != 50 {
			t.Errorf("%d factors were looked at, want 50", looked)
		}
	})
	t.Run("while an address is used up, a user who is known there completes a login, and nothing else is said", func(t *testing.T) {
		t.Parallel()
		d := open(t, withFactor)
		wantStatus(t, d.complete(t, stepOf(t, d.try(t, "alice", password, home)), "123456", home), http.StatusOK)
		bobs := stepOf(t, d.try(t, "bob", password, home))
		for i := range 60 {
			d.try(t, fmt.Sprint("user", i), "wrong", home)
		}
		wantStatus(t, d.complete(t, bobs, "123456", home), http.StatusTooManyRequests)
		step := stepOf(t, d.try(t, "alice", password, home))
		wantStatus(t, d.complete(t, step, "000000", home), http.StatusTooManyRequests)
		wantStatus(t, d.complete(t, step, "123456", home), http.StatusOK)
	})
	t.Run("a token that is not genuine costs nothing, and asks the store for nothing", func(t *testing.T) {
		t.Parallel()
		d := open(t, withFactor)
		for range 100 {
			wantStatus(t, d.complete(t, "sp_st_nonsense", "123456", home), http.StatusBadRequest)
		}
		if calls := d.store.take(); len(calls) > 0 {
			t.Errorf("calls = %q", calls)
		}
		wantStatus(t, d.complete(t, stepOf(t, d.try(t, "alice", password, home)), "123456", home), http.StatusOK)
	})
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	request := func(t *testing.T) *http.Request {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/callback?code=1", http.NoBody)
		r.Header.Set("User-Agent", "Firefox")
		r.Header.Set("Sec-Fetch-Site", "cross-site") // as the identity provider's redirect is
		return r
	}
	t.Run("it answers as a login does, and names the browser", func(t *testing.T) {
		t.Parallel()
		for _, dialect := range dialects {
			d := open(t, speaking(dialect.dialect))
			w := httptest.NewRecorder()
			d.SignIn(w, request(t), tokens.SignInRequest{UserID: alice.ID, Methods: []string{"hwk"}})
			wantStatus(t, w, http.StatusOK)
			if p := d.principal(t, w); p.Subject != alice.ID || fmt.Sprint(p.Methods()) != "[hwk]" {
				t.Errorf("principal = %+v", p)
			}
			if e := d.journal.WantKinds(t, events.Login)[0]; !e.Address.IsValid() {
				t.Errorf("event = %+v", e)
			}
			if all, _, err := d.tokens.Sessions(t.Context(), alice.ID, tokens.Page{}); err != nil || len(all) != 1 || all[0].Label != "Firefox" {
				t.Errorf("sessions = %+v, %v", all, err)
			}
		}
	})
	t.Run("in cookies, it sets them and ends the browser's session", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.Cookies = &middleware.Cookies{RefreshPath: "/auth", ReplaceSession: true} })
		before := d.login(t, alice)
		r := request(t)
		r.Header.Set("Cookie", "__Secure-refresh_token="+string(before.RefreshToken))
		w := httptest.NewRecorder()
		d.SignIn(w, r, tokens.SignInRequest{UserID: alice.ID})
		wantStatus(t, w, http.StatusNoContent)
		if got := cookiesOf(w); !strings.Contains(got, "{jwt}") || !strings.Contains(got, "{refresh}") {
			t.Errorf("cookies = %s", cookiesOf(w))
		}
		if _, err := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: before.RefreshToken}); err == nil {
			t.Error("the session before lives on")
		}
	})
	t.Run("one of many of a user from an address is refused before the store is asked", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.BruteForce.Success = middleware.Budget{Burst: 3, Every: time.Minute} })
		enter := func(id string) error {
			_, err := d.CheckSignIn(request(t), tokens.SignInRequest{UserID: id})
			return err
		}
		for range 3 {
			if err := enter("u-unknown"); err == nil || wire.AsError(err).Reason != wire.ReasonCredentials {
				t.Errorf("an unknown user: %v", err)
			}
			if err := enter(alice.ID); err != nil {
				t.Error(err)
			}
		}
		d.store.take()
		if err := enter(alice.ID); err == nil || wire.AsError(err).Reason != wire.ReasonThrottled {
			t.Errorf("the fourth: %v", err)
		}
		if calls := d.store.take(); len(calls) > 0 {
			t.Errorf("calls = %q", calls)
		}
		if err := enter(bob.ID); err != nil {
			t.Error(err)
		}
	})
	t.Run("support staff acts for a user, who sees it, and manages nothing of theirs", func(t *testing.T) {
		t.Parallel()
		d := open(t, withDenials)
		w := httptest.NewRecorder()
		d.SignIn(w, request(t), tokens.SignInRequest{UserID: alice.ID, Actor: "u-staff", Reason: "ticket 4711", Until: time.Now().Add(10 * time.Minute)})
		wantStatus(t, w, http.StatusOK)
		if strings.Contains(w.Body.String(), "refresh") {
			t.Errorf("body = %s", w.Body)
		}
		token := jwtForm.FindString(w.Body.String())
		wantStatus(t, d.call(t, "/me", tokens.Secret(token), ""), http.StatusOK)
		wantStatus(t, d.call(t, "/sessions", tokens.Secret(token), ""), http.StatusForbidden)
		list := d.call(t, "/sessions", d.login(t, alice).AccessToken, "")
		wantStatus(t, list, http.StatusOK)
		if !strings.Contains(list.Body.String(), `"act":{"sub":"u-staff"}`) || !strings.Contains(list.Body.String(), `"label":"ticket 4711"`) {
			t.Errorf("sessions = %s", list.Body)
		}
	})
}
