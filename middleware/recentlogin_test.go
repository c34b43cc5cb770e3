package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestRecentLogin(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	ago := func(d time.Duration, class string) tokens.Principal {
		return tokens.Principal{Subject: alice.ID, AuthenticatedAt: now.Add(-d), ContextClass: class}
	}
	for name, tt := range map[string]struct {
		p       tokens.Principal
		maxAge  time.Duration
		classes []string
		want    wire.Reason
	}{
		"a login that is recent":                          {ago(time.Minute, ""), 5 * time.Minute, nil, ""},
		"a login that is just recent":                     {ago(5*time.Minute, ""), 5 * time.Minute, nil, ""},
		"a login that is too old":                         {ago(5*time.Minute+time.Second, ""), 5 * time.Minute, nil, wire.ReasonNotRecent},
		"a login that is ahead of this clock":             {ago(-time.Second, ""), 5 * time.Minute, nil, ""},
		"a token that does not say":                       {tokens.Principal{Subject: alice.ID}, 5 * time.Minute, nil, wire.ReasonNotRecent},
		"a token that does not say, of a required class":  {tokens.Principal{Subject: alice.ID, ContextClass: "gold"}, 0, []string{"gold"}, wire.ReasonNotRecent},
		"a recent login of a required class":              {ago(time.Minute, "silver"), 5 * time.Minute, []string{"gold", "silver"}, ""},
		"a recent login of another class":                 {ago(time.Minute, "bronze"), 5 * time.Minute, []string{"gold", "silver"}, wire.ReasonNotRecent},
		"a recent login of no class":                      {ago(time.Minute, ""), 5 * time.Minute, []string{"gold"}, wire.ReasonNotRecent},
		"a login of a required class that is too old":     {ago(time.Hour, "gold"), 5 * time.Minute, []string{"gold"}, wire.ReasonNotRecent},
		"a login of a required class, at any time":        {ago(1000*time.Hour, "gold"), 0, []string{"gold"}, ""},
		"no age and no class":                             {ago(0, ""), 0, nil, wire.ReasonInternal},
		"an age that is less than none":                   {ago(0, ""), -time.Minute, []string{"gold"}, wire.ReasonInternal},
		"an age of half a second":                         {ago(0, ""), 1500 * time.Millisecond, nil, wire.ReasonInternal},
		"a class that is empty, which a token could have": {ago(0, ""), time.Minute, []string{""}, wire.ReasonInternal},
		"a class of two words":                            {ago(0, ""), time.Minute, []string{"gold silver"}, wire.ReasonInternal},
		"a class that ends a header":                      {ago(0, ""), time.Minute, []string{"a\"\r\nb"}, wire.ReasonInternal},
		"no principal":                                    {tokens.Principal{}, time.Minute, nil, wire.ReasonNoBearer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) { c.auth.Now = func() time.Time { return now } })
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			if tt.p.Subject != "" {
				r = r.WithContext(tokens.WithPrincipal(t.Context(), tt.p))
			}
			err := d.CheckRecentLogin(r, tt.maxAge, tt.classes...)
			switch {
			case tt.want == "" && err == nil:
			case tt.want == "" || err == nil || wire.AsError(err).Reason != tt.want:
				t.Errorf("error = %v, want %q", err, tt.want)
			}
			if tt.want == wire.ReasonInternal {
				d.journal.WantKinds(t, events.Fault)
			}
		})
	}
	const said = `, error="insufficient_user_authentication", error_description="A more recent or a stronger login is required", acr_values="gold silver", max_age="300"`
	for _, dialect := range []wire.Dialect{wire.OAuth2{}, wire.Lexik{}, wire.FastAPI{}} {
		d := open(t, speaking(dialect), func(c *config) {
			c.tokens.ContextClass = func([]string) string { return "bronze" }
		})
		h := d.Bearer(d.RequireRecentLogin(5*time.Minute, "gold", "silver")(http.HandlerFunc(d.hello)))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+string(d.login(t, alice).AccessToken))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		wantStatus(t, w, http.StatusUnauthorized)
		if got := w.Header().Get("WWW-Authenticate"); got != `Bearer realm="api"`+said {
			t.Errorf("%T: challenge = %s", dialect, got)
		}
		if !strings.Contains(w.Body.String(), "A more recent or a stronger login is required") {
			t.Errorf("%T: body = %s", dialect, w.Body)
		}
	}
	t.Run("without Bearer in front, a request with a token is refused and reported", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+string(d.login(t, alice).AccessToken))
		d.journal.Take()
		w := httptest.NewRecorder()
		d.RequireRecentLogin(time.Minute)(http.HandlerFunc(d.hello)).ServeHTTP(w, r)
		wantStatus(t, w, http.StatusInternalServerError)
		d.journal.WantKinds(t, events.Fault)
	})
	t.Run("a service that only verifies asks too, and an API key and who acts for a user are refused", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		set, err := keys.NewSet(d.config.tokens.Keys...)
		if err != nil {
			t.Fatal(err)
		}
		other, _ := d.resource(t, keySource(func() (*keys.Set, error) { return set, nil }))
		staff, err := d.tokens.SignIn(t.Context(), tokens.SignInRequest{UserID: alice.ID, Actor: "u-staff", Reason: "ticket 4711", Until: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		key, err := d.tokens.ExchangeKey(t.Context(), tokens.KeyRequest{Key: tokens.Secret(d.apiKey(t))})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			token tokens.Secret
			want  int
		}{{d.login(t, alice).AccessToken, http.StatusOK}, {staff.AccessToken, http.StatusUnauthorized}, {key.AccessToken, http.StatusUnauthorized}} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			r.Header.Set("Authorization", "Bearer "+string(x.token))
			w := httptest.NewRecorder()
			other.Bearer(other.RequireRecentLogin(time.Minute)(http.HandlerFunc(d.hello))).ServeHTTP(w, r)
			wantStatus(t, w, x.want)
		}
	})
}
