package echov4_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/tokens"
)

// found is what a handler has found of the principal.
type found struct {
	principal tokens.Principal
	ok        bool
	context   tokens.Principal // of the request
	contextOK bool
	under     any // the key "user"
}

func look(f *found) echo.HandlerFunc {
	return func(c echo.Context) error {
		f.principal, f.ok = echov4.Principal(c)
		f.context, f.contextOK = tokens.PrincipalFrom(c.Request().Context())
		f.under = c.Get("user")
		return c.NoContent(http.StatusNoContent)
	}
}

func TestPrincipalIsFound(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		guard  func(*echov4.Auth) echo.MiddlewareFunc
		header []string
		known  bool
	}{
		"behind Bearer":                          {func(a *echov4.Auth) echo.MiddlewareFunc { return a.Bearer }, []string{bearer}, true},
		"behind OptionalBearer":                  {func(a *echov4.Auth) echo.MiddlewareFunc { return a.OptionalBearer }, []string{bearer}, true},
		"behind Protect":                         {func(a *echov4.Auth) echo.MiddlewareFunc { return a.Protect }, []string{bearer}, true},
		"behind OptionalBearer, if there is one": {func(a *echov4.Auth) echo.MiddlewareFunc { return a.OptionalBearer }, nil, false},
		"not behind Limit":                       {func(a *echov4.Auth) echo.MiddlewareFunc { return a.Limit }, []string{bearer}, false},
	} {
		for _, key := range []string{"", "user", "caller"} {
			t.Run(name+", set as "+key, func(t *testing.T) {
				t.Parallel()
				h := open(t)
				login(t, h)
				auth := echov4.New(h.auth)
				if key != "" {
					auth = auth.WithContextKey(key)
				}
				var f found
				e := echo.New()
				e.GET("/", look(&f), tt.guard(auth))
				w := bare("GET /", tt.header...).serve(t, h, e)
				if w.Code != http.StatusNoContent {
					t.Fatalf("status = %d", w.Code)
				}
				if f.ok != tt.known || f.contextOK != tt.known || f.principal != f.context {
					t.Errorf("found %+v, want %v in both", f, tt.known)
				}
				if tt.known && (f.principal.Subject != alice.ID || f.principal.Account != alice.Account || !f.principal.HasScope("write")) {
					t.Errorf("principal = %+v, want alice", f.principal)
				}
				under, ok := f.under.(tokens.Principal)
				if want := tt.known && key == "user"; ok != want || !ok && f.under != nil || ok && under != f.principal {
					t.Errorf(`Get("user") = %v`, f.under)
				}
			})
		}
	}
}

func TestPrincipalIsNoneWithoutMiddleware(t *testing.T) {
	t.Parallel()
	c := echo.New().NewContext(httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), httptest.NewRecorder())
	if p, ok := echov4.Principal(c); ok || p != (tokens.Principal{}) {
		t.Errorf("Principal = %v, %v", p, ok)
	}
}

// WithContextKey returns another Auth and does not change the one it is called on.
func TestPrincipalIsSetOnlyByTheAuthWithTheKey(t *testing.T) {
	t.Parallel()
	h := open(t)
	login(t, h)
	auth := echov4.New(h.auth)
	withKey := auth.WithContextKey("user")
	var plainly, keyed found
	e := echo.New()
	e.GET("/plain", look(&plainly), auth.Bearer)
	e.GET("/keyed", look(&keyed), withKey.Bearer)
	bare("GET /plain", bearer).serve(t, h, e)
	bare("GET /keyed", bearer).serve(t, h, e)
	if plainly.under != nil || keyed.under == nil {
		t.Errorf("under = %v, %v, want it in the second only", plainly.under, keyed.under)
	}
}

// Outer middlewares and the error handler find the principal after next has
// returned.
func TestPrincipalIsFoundOnTheWayOut(t *testing.T) {
	t.Parallel()
	h := open(t)
	login(t, h)
	var f found
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			f.principal, f.ok = echov4.Principal(c)
			return err
		}
	})
	mount(e, h.auth)
	bare("GET /admin", bearer).serve(t, h, e)
	if !f.ok || f.principal.Subject != alice.ID {
		t.Errorf("principal = %v, %v, want alice's, although the request was refused", f.principal, f.ok)
	}
}
