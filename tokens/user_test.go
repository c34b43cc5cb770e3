package tokens_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// P8.
func TestUserAtRefresh(t *testing.T) {
	t.Parallel()
	t.Run("P8: a user who was removed gets no new token, and the session stays as it was", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		if err := r.store.memory.RemoveUser(t.Context(), alice.ID); err != nil {
			t.Fatal(err)
		}
		r.unchanged(t, func() { r.refused(t, one.RefreshToken, tokens.ErrRevokedRefresh) })
	})

	t.Run("P8: the session of a user who was locked out for a while goes on with the same CredentialVersion", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		r.store.step(always("User", store.ErrNotFound), nil)
		r.unchanged(t, func() { r.refused(t, one.RefreshToken, tokens.ErrRevokedRefresh) })
		r.store.step(nil, nil)
		r.refresh(t, one.RefreshToken)
	})

	t.Run("P8: what changed about the user is in the next access token", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.login(t)
		check := func(want store.User) {
			t.Helper()
			for _, got := range []tokens.Principal{p.Principal, r.verify(t, p.AccessToken)} {
				if got.Subject != want.ID || got.Account != want.Account || got.Tier != want.Tier || got.Seats != want.Seats || !slices.Equal(got.Scopes(), want.Scopes) {
					t.Errorf("the principal is %+v, want %+v", got, want)
				}
			}
		}
		check(alice)
		for _, change := range []func(*store.User){
			func(u *store.User) { u.Tier = "premium" },
			func(u *store.User) { u.Seats = 12 },
			func(u *store.User) { u.Account = "globex" },
			func(u *store.User) { u.Scopes = []string{"read", "publish"} },
			func(u *store.User) { u.Scopes = nil },
			func(u *store.User) { u.Account, u.Tier, u.Seats = "", "", 1 },
		} {
			user, err := r.store.memory.User(t.Context(), alice.ID)
			if err != nil {
				t.Fatal(err)
			}
			change(&user)
			r.set(t, user)
			p = r.refresh(t, p.RefreshToken)
			check(user)
		}
	})

	t.Run("P11: a refreshed access token says the same as the first one", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.Claims = hostClaims })
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop"})
		r.clock.move(time.Minute)
		two := r.refresh(t, one.RefreshToken)
		a, b := claimsOf(t, one.AccessToken), claimsOf(t, two.AccessToken)
		for _, name := range []string{"jti", "iat", "nbf", "exp"} {
			if reflect.DeepEqual(a[name], b[name]) {
				t.Errorf("%s is the same in both", name)
			}
			delete(a, name)
			delete(b, name)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("the refreshed token says %v\nthe first one %v", b, a)
		}
	})

	t.Run("less than one seat counts as one", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		u := alice
		u.Seats = -7
		r.set(t, u)
		if p := r.login(t); p.Principal.Seats != 1 || r.verify(t, p.AccessToken).Seats != 1 {
			t.Errorf("Seats = %d, want 1", p.Principal.Seats)
		}
	})
}

func TestScopes(t *testing.T) {
	t.Parallel()
	type ask struct {
		scopes   []string // asked for at the refresh
		user     []string // what the user holds by then
		want     string   // the scope of the access token
		narrowed bool
		err      error
	}
	for _, test := range []struct {
		name     string
		holds    []string // by the user at the login
		login    []string // asked for then
		want     string
		narrowed bool
		err      error
		row      []string // of the session
		then     []ask
	}{
		{
			name:  "asking for nothing gives all that the user holds, at each refresh anew",
			holds: []string{"read", "write"}, want: "read write",
			then: []ask{
				{user: []string{"read"}, want: "read"},
				{user: []string{"read", "write", "publish"}, want: "read write publish"},
				{user: nil, want: ""},
			},
		},
		{
			name:  "asking for a part gives that part, and no later refresh gives more",
			holds: []string{"read", "write"}, login: []string{"write"}, want: "write", row: []string{"write"},
			then: []ask{
				{user: []string{"read", "write", "publish"}, want: "write"},
				{scopes: []string{"read"}, user: []string{"read", "write"}, err: tokens.ErrInvalidScope},
				{scopes: []string{"write"}, user: []string{"read", "write"}, want: "write"},
				{user: []string{"read"}, want: ""},
				{user: []string{"read", "write"}, want: "write"},
			},
		},
		{
			name:  "asking for more than the user holds is refused",
			holds: []string{"read", "write"}, login: []string{"read", "admin"}, err: tokens.ErrInvalidScope,
		},
		{
			name:  "asking for what was narrowed to nothing is refused",
			holds: []string{"read", "write"}, login: []string{}, err: tokens.ErrInvalidScope,
		},
		{
			name:  "asking for nothing that the user holds is refused",
			holds: []string{"read"}, login: []string{"admin"}, err: tokens.ErrInvalidScope,
		},
		{
			name:  "a user who holds no scope is refused any",
			holds: nil, login: []string{"api", "api"}, err: tokens.ErrInvalidScope,
		},
		{
			name:  "a user who holds no scope gets what they hold later if they asked for none",
			holds: nil, want: "",
			then: []ask{
				{scopes: []string{"api"}, user: nil, err: tokens.ErrInvalidScope},
				{scopes: []string{}, user: []string{"read"}, err: tokens.ErrInvalidScope},
				{user: []string{"read", "api"}, want: "read api"},
			},
		},
		{
			name:  "what is asked for twice is granted once",
			holds: []string{"read", "read", "write"}, login: []string{"write", "write", "read"}, want: "read write", row: []string{"read", "write"},
		},
		{
			name:  "scopes differ by case",
			holds: []string{"read"}, login: []string{"READ"}, err: tokens.ErrInvalidScope,
		},
		{
			name:  "D59: a narrower scope narrows one access token and not the session",
			holds: []string{"read", "write", "admin"}, login: []string{"read", "write"}, want: "read write", row: []string{"read", "write"},
			then: []ask{
				{scopes: []string{"read"}, user: []string{"read", "write", "admin"}, want: "read"},
				{user: []string{"read", "write", "admin"}, want: "read write"},
				{scopes: []string{"write", "read"}, user: []string{"read", "write", "admin"}, want: "read write"},
			},
		},
		{
			name:  "D57: more than the session has is refused, also where nothing narrows it",
			holds: []string{"read", "write"}, want: "read write",
			then: []ask{
				{scopes: []string{"read", "admin"}, user: []string{"read", "write"}, err: tokens.ErrInvalidScope},
				{scopes: []string{"read"}, user: []string{"read", "write"}, want: "read"},
				{scopes: []string{"admin"}, user: []string{"read", "admin"}, want: "admin"}, // the user's own, by now
			},
		},
		{
			name:  "what the user has lost since is refused if it is requested, and not granted to others",
			holds: []string{"read", "write"}, login: []string{"read", "write"}, want: "read write", row: []string{"read", "write"},
			then: []ask{
				{scopes: []string{"read", "write"}, user: []string{"read"}, err: tokens.ErrInvalidScope},
				{user: []string{"read"}, want: "read"},
				{scopes: []string{"read", "write"}, user: []string{"read", "write"}, want: "read write"},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t)
			user := alice
			user.Scopes = test.holds
			r.set(t, user)
			p, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, Scopes: test.login})
			if test.err != nil {
				wantError(t, err, test.err)
				if n := len(r.store.rows(t).Sessions); n > 0 {
					t.Error("a session was opened")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			check := func(p tokens.Pair, want string, narrowed bool) {
				t.Helper()
				if p.Principal.Scope != want || r.verify(t, p.AccessToken).Scope != want || p.Narrowed != narrowed {
					t.Errorf("Scope = %q, Narrowed = %v, want %q, %v", p.Principal.Scope, p.Narrowed, want, narrowed)
				}
				if got := r.store.row(t).Scopes; !slices.Equal(got, test.row) {
					t.Errorf("the session has %q, want %q", got, test.row)
				}
			}
			check(p, test.want, test.narrowed)
			for _, ask := range test.then {
				user.Scopes = ask.user
				r.set(t, user)
				req := tokens.RefreshRequest{Token: p.RefreshToken, Scopes: ask.scopes}
				if ask.err != nil {
					r.unchanged(t, func() { r.refusedWith(t, req, ask.err) })
					continue
				}
				p = r.refreshWith(t, req)
				check(p, ask.want, ask.narrowed)
			}
		})
	}

	t.Run("a login without a session is narrowed as one with a session", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, Scopes: []string{"write"}, AccessOnly: true})
		if p.Principal.Scope != "write" || p.RefreshToken != "" || p.Principal.SessionID != "" || len(r.store.rows(t).Sessions) > 0 {
			t.Errorf("the pair is %+v", p)
		}
		if claims := claimsOf(t, p.AccessToken); claims["sid"] != nil {
			t.Errorf("the access token has the sid %v", claims["sid"])
		}
	})
}

func TestParseScope(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scope string
		want  []string
		err   error
	}{
		{"", nil, nil},
		{"read", []string{"read"}, nil},
		{"write read write", []string{"read", "write"}, nil},
		{"a:b/c.d-e!#[]~", []string{"a:b/c.d-e!#[]~"}, nil},
		{" ", nil, tokens.ErrInvalidScope},
		{" read", nil, tokens.ErrInvalidScope},
		{"read ", nil, tokens.ErrInvalidScope},
		{"read  write", nil, tokens.ErrInvalidScope},
		{"read\twrite", nil, tokens.ErrInvalidScope},
		{"read\nwrite", nil, tokens.ErrInvalidScope},
		{`re"ad`, nil, tokens.ErrInvalidScope},
		{`re\ad`, nil, tokens.ErrInvalidScope},
		{"réad", nil, tokens.ErrInvalidScope},
		{"read\x7f", nil, tokens.ErrInvalidScope},
		{"read\x00", nil, tokens.ErrInvalidScope},
		{strings.Repeat("a", 128), []string{strings.Repeat("a", 128)}, nil},
		{strings.Repeat("a", 129), nil, tokens.ErrInvalidScope},
		{strings.TrimSpace(strings.Repeat("a ", 64)), []string{"a"}, nil},
		{strings.TrimSpace(strings.Repeat("a ", 65)), nil, tokens.ErrInvalidScope},
		{strings.Repeat(" ", 1<<20), nil, tokens.ErrInvalidScope},
	} {
		got, err := tokens.ParseScope(test.scope)
		if !slices.Equal(got, test.want) || (test.err == nil) != (err == nil) {
			t.Errorf("ParseScope(%.40q) = %.40q, %v, want %.40q, %v", test.scope, got, err, test.want, test.err)
		}
		if err != nil {
			wantError(t, err, test.err)
		}
	}
}
