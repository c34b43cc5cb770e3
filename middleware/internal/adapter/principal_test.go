package adapter_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
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

func (v version[C, H, M]) look(f *found) H {
	return func(c C) error {
		f.principal, f.ok = v.principal(c)
		f.context, f.contextOK = tokens.PrincipalFrom(c.Request().Context())
		f.under = c.Get("user")
		return c.NoContent(http.StatusNoContent)
	}
}

func TestPrincipalIsFound(t *testing.T) {
	t.Parallel()
	both(t, v4.testPrincipalIsFound, v5.testPrincipalIsFound)
}

func (v version[C, H, M]) testPrincipalIsFound(t *testing.T) {
	for name, tt := range map[string]struct {
		guard  func(adaptertest.Names[C, H, M]) M
		header []string
		known  bool
	}{
		"behind Bearer":                          {func(a adaptertest.Names[C, H, M]) M { return a.Bearer }, []string{adaptertest.Bearer}, true},
		"behind OptionalBearer":                  {func(a adaptertest.Names[C, H, M]) M { return a.OptionalBearer }, []string{adaptertest.Bearer}, true},
		"behind Protect":                         {func(a adaptertest.Names[C, H, M]) M { return a.Protect }, []string{adaptertest.Bearer}, true},
		"behind OptionalBearer, if there is one": {func(a adaptertest.Names[C, H, M]) M { return a.OptionalBearer }, nil, false},
		"not behind Limit":                       {func(a adaptertest.Names[C, H, M]) M { return a.Limit }, []string{adaptertest.Bearer}, false},
	} {
		for _, key := range []string{"", "user", "caller"} {
			t.Run(name+", set as "+key, func(t *testing.T) {
				t.Parallel()
				h := adaptertest.Open(t)
				adaptertest.Login(t, h)
				auth := v.newAuth(h.Auth)
				if key != "" {
					auth = v.withContextKey(h.Auth, key)
				}
				var f found
				e := v.newApp()
				e.any("/", v.look(&f), tt.guard(auth))
				w := adaptertest.Bare("GET /", tt.header...).Serve(t, h, e)
				if w.Code != http.StatusNoContent {
					t.Fatalf("status = %d", w.Code)
				}
				if f.ok != tt.known || f.contextOK != tt.known || f.principal != f.context {
					t.Errorf("found %+v, want %v in both", f, tt.known)
				}
				if tt.known && (f.principal.Subject != adaptertest.Alice.ID || f.principal.Account != adaptertest.Alice.Account || !f.principal.HasScope("write")) {
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
	both(t, v4.testPrincipalIsNoneWithoutMiddleware, v5.testPrincipalIsNoneWithoutMiddleware)
}

func (v version[C, H, M]) testPrincipalIsNoneWithoutMiddleware(t *testing.T) {
	var f found
	e := v.newApp()
	e.any("/", v.look(&f))
	e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	if f.ok || f.principal != (tokens.Principal{}) {
		t.Errorf("Principal = %v, %v", f.principal, f.ok)
	}
}

// WithContextKey returns another Auth and does not change the one it is called on.
func TestPrincipalIsSetOnlyByTheAuthWithTheKey(t *testing.T) {
	t.Parallel()
	both(t, v4.testPrincipalIsSetOnlyByTheAuthWithTheKey, v5.testPrincipalIsSetOnlyByTheAuthWithTheKey)
}

func (v version[C, H, M]) testPrincipalIsSetOnlyByTheAuthWithTheKey(t *testing.T) {
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	auth, withKey := v.newAuth(h.Auth), v.withContextKey(h.Auth, "user")
	var plainly, keyed found
	e := v.newApp()
	e.any("/plain", v.look(&plainly), auth.Bearer)
	e.any("/keyed", v.look(&keyed), withKey.Bearer)
	adaptertest.Bare("GET /plain", adaptertest.Bearer).Serve(t, h, e)
	adaptertest.Bare("GET /keyed", adaptertest.Bearer).Serve(t, h, e)
	if plainly.under != nil || keyed.under == nil {
		t.Errorf("under = %v, %v, want it in the second only", plainly.under, keyed.under)
	}
}

// Outer middlewares and the error handler find the principal after next has
// returned.
func TestPrincipalIsFoundOnTheWayOut(t *testing.T) {
	t.Parallel()
	both(t, v4.testPrincipalIsFoundOnTheWayOut, v5.testPrincipalIsFoundOnTheWayOut)
}

func (v version[C, H, M]) testPrincipalIsFoundOnTheWayOut(t *testing.T) {
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	var f found
	e := v.newApp()
	e.use(func(next H) H {
		return func(c C) error {
			err := next(c)
			f.principal, f.ok = v.principal(c)
			return err
		}
	})
	v.mount(e, h.Auth)
	adaptertest.Bare("GET /admin", adaptertest.Bearer).Serve(t, h, e)
	if !f.ok || f.principal.Subject != adaptertest.Alice.ID {
		t.Errorf("principal = %v, %v, want alice's, although the request was refused", f.principal, f.ok)
	}
}
