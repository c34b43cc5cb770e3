package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "correct horse & battery"

type fixture struct {
	*hosttest.Host
	clock  hosttest.Clock
	secret string // of ada's authenticator app
}

func start(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{clock: hosttest.NewClock()}
	users := hosttest.Users(t, f.clock.Now, password, store.User{ID: "u-1", Login: "ada", Tier: "free"})
	_, f.Host = hosttest.Serve(t, func(origin string) (http.Handler, error) {
		return newApp(config{origin: origin, users: users, log: slog.New(slog.DiscardHandler), now: f.clock.Now})
	})
	return f
}

func (f *fixture) login(t *testing.T) hosttest.Answer {
	t.Helper()
	return f.Post(t, "/login", "username", "ada", "password", password)
}

// enroll sets up the app of the user whose access token this is.
func (f *fixture) enroll(t *testing.T, access string) hosttest.Answer {
	t.Helper()
	answer := f.Do(t, hosttest.Request{Method: http.MethodPost, Path: "/account/totp", Bearer: access})
	var got struct{ URL string }
	if answer.Status != http.StatusOK {
		return answer
	}
	if err := json.Unmarshal([]byte(answer.Body), &got); err != nil {
		t.Fatal(err)
	}
	key, err := url.Parse(got.URL)
	if err != nil || key.Scheme != "otpauth" {
		t.Fatalf("the URL is %q", got.URL)
	}
	f.secret = key.Query().Get("secret")
	return answer
}

func (f *fixture) confirm(t *testing.T, access, code string) hosttest.Answer {
	t.Helper()
	return f.Do(t, hosttest.Request{Method: http.MethodPost, Path: "/account/totp/confirm", Bearer: access, Form: hosttest.Form("code", code)})
}

// code is what the app shows, so many steps from now.
func (f *fixture) code(t *testing.T, steps int) string {
	t.Helper()
	code, err := totp.GenerateCode(f.secret, f.clock.Now().Add(time.Duration(steps)*period))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// enrolled is a host whose user has an app. Its code of this moment was not used.
func enrolled(t *testing.T) (f *fixture, access string) {
	t.Helper()
	f = start(t)
	access = f.login(t).Pair(t).Access
	f.enroll(t, access).Is(t, http.StatusOK, "otpauth://totp/Example:ada?algorithm=SHA1&digits=6&issuer=Example&period=30&secret=")
	f.confirm(t, access, f.code(t, 0)).Is(t, http.StatusNoContent, "")
	f.clock.Advance(2 * period)
	return f, access
}

func (f *fixture) step(t *testing.T) string {
	t.Helper()
	var got struct {
		Token string `json:"step_token"`
	}
	answer := f.login(t)
	if err := json.Unmarshal([]byte(answer.Body), &got); err != nil || got.Token == "" {
		t.Fatalf("got %d %s", answer.Status, answer.Body)
	}
	return got.Token
}

func (f *fixture) complete(t *testing.T, step, code string) hosttest.Answer {
	t.Helper()
	return f.Post(t, "/login/complete", "step_token", step, "code", code)
}

func TestALoginTakesAPasswordAndACode(t *testing.T) {
	t.Parallel()
	f, _ := enrolled(t)
	pair := f.complete(t, f.step(t), f.code(t, 0)).Pair(t)
	f.Get(t, "/me", pair.Access).Is(t, http.StatusOK, `"methods":["pwd","otp","mfa"]`)
	f.Post(t, "/refresh", "refresh_token", pair.Refresh).Pair(t)
}

func TestCodes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		steps int
		want  int
	}{
		"a code of this moment":                  {0, http.StatusOK},
		"a code of a phone that is 30 s fast":    {1, http.StatusOK},
		"a code of a phone that is 30 s slow":    {-1, http.StatusOK},
		"a code of a phone that is a minute off": {2, http.StatusBadRequest},
		"a code of two minutes ago":              {-4, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := enrolled(t)
			f.clock.Advance(time.Hour)
			f.complete(t, f.step(t), f.code(t, test.steps)).Is(t, test.want, "")
		})
	}
}

// An attacker who has read a code, in time, cannot use it after the user, even with the
// password.
func TestACodeIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	f, _ := enrolled(t)
	code, earlier := f.code(t, 0), f.code(t, -1)
	f.complete(t, f.step(t), code).Pair(t)
	f.complete(t, f.step(t), code).Is(t, http.StatusBadRequest, "invalid_grant")
	f.complete(t, f.step(t), earlier).Is(t, http.StatusBadRequest, "invalid_grant")
	f.complete(t, f.step(t), f.code(t, 1)).Pair(t)
}

func TestOneCodeHasOneWinner(t *testing.T) {
	t.Parallel()
	f, _ := enrolled(t)
	code := f.code(t, 0)
	var steps []string
	for range 8 {
		steps = append(steps, f.step(t))
	}
	var winners atomic.Int64
	var racers sync.WaitGroup
	for _, step := range steps {
		racers.Go(func() {
			if f.complete(t, step, code).Status == http.StatusOK {
				winners.Add(1)
			}
		})
	}
	racers.Wait()
	if n := winners.Load(); n != 1 {
		t.Errorf("%d requests got tokens", n)
	}
}

// Wrong codes count as wrong passwords: a code of six digits is not found by trying.
func TestCodesAreLimited(t *testing.T) {
	t.Parallel()
	f, _ := enrolled(t)
	step, told := f.step(t), 0
	for range 60 { // where the user is known, the last ones are checked and answered as if they were not
		if f.complete(t, step, "000000").Status != http.StatusTooManyRequests {
			told++
		}
	}
	if told > 20 {
		t.Errorf("%d wrong codes were answered", told)
	}
	f.complete(t, step, f.code(t, 0)).Is(t, http.StatusTooManyRequests, "")
}

func TestAnAppIsNotReplacedWithoutIt(t *testing.T) {
	t.Parallel()
	f, access := enrolled(t)
	f.enroll(t, access).Is(t, http.StatusConflict, "active already")
	f.confirm(t, access, f.code(t, 0)).Is(t, http.StatusBadRequest, "wrong")
}

func TestAnAppCountsOnceItsCodeWasShown(t *testing.T) {
	t.Parallel()
	f := start(t)
	access := f.login(t).Pair(t).Access
	answer := f.enroll(t, access)
	if got := answer.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	f.login(t).Pair(t)
	f.confirm(t, access, "000000").Is(t, http.StatusBadRequest, "wrong")
	f.login(t).Pair(t)
}

func TestAnAppIsSetUpAfterARecentLoginAndEndsOtherSessions(t *testing.T) {
	t.Parallel()
	f := start(t)
	earlier := f.login(t).Pair(t)
	f.clock.Advance(6 * time.Minute)
	f.enroll(t, earlier.Access).Is(t, http.StatusUnauthorized, "")
	pair := f.login(t).Pair(t)
	f.enroll(t, pair.Access).Is(t, http.StatusOK, "")
	f.confirm(t, pair.Access, f.code(t, 0)).Is(t, http.StatusNoContent, "")
	f.Get(t, "/me", earlier.Access).Is(t, http.StatusUnauthorized, "")
	f.Get(t, "/me", pair.Access).Is(t, http.StatusOK, "u-1")
}
