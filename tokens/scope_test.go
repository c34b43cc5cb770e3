package tokens_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

func TestFaultA6LessAskedForNeverBecomesMore(t *testing.T) {
	t.Parallel()
	has := func(t *testing.T, r *fixture, scopes ...string) {
		t.Helper()
		u := alice
		u.Scopes = scopes
		r.set(t, u)
	}
	t.Run("a key made with a narrowed token while the user held nothing is refused", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, Scopes: []string{"read"}})
		has(t, r)
		for name, p := range map[string]tokens.Principal{"the old token": one.Principal, "a token that has nothing": r.refresh(t, one.RefreshToken).Principal} {
			key, _, err := r.CreateOwnAPIKey(t.Context(), p, tokens.KeyOptions{})
			wantError(t, err, tokens.ErrInvalidScope)
			if key != "" {
				t.Errorf("%s: a key was made", name)
			}
		}
		if n := len(r.store.rows(t).Keys); n != 0 {
			t.Errorf("%d keys are in the store", n)
		}
	})
	t.Run("a key made with a token of a client that may only read is refused while the user holds nothing", func(t *testing.T) {
		t.Parallel()
		r := registering(t)
		has(t, r)
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "reader"})
		_, _, err := r.CreateOwnAPIKey(t.Context(), one.Principal, tokens.KeyOptions{})
		wantError(t, err, tokens.ErrInvalidScope)
	})
	t.Run("a key has nothing that the user has lost", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		has(t, r, "read")
		_, row, err := r.CreateOwnAPIKey(t.Context(), one.Principal, tokens.KeyOptions{})
		if err != nil || !slices.Equal(row.Scopes, []string{"read"}) {
			t.Errorf("%v, %q", err, row.Scopes)
		}
		_, _, err = r.CreateOwnAPIKey(t.Context(), one.Principal, tokens.KeyOptions{Scopes: []string{"write"}})
		wantError(t, err, tokens.ErrInvalidScope)
	})
	t.Run("a session whose client is not registered any more makes no key", func(t *testing.T) {
		t.Parallel()
		r := registering(t)
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "web"})
		r.store.step(always("Client", store.ErrNotFound), nil)
		_, _, err := r.CreateOwnAPIKey(t.Context(), one.Principal, tokens.KeyOptions{})
		wantError(t, err, tokens.ErrNoSession)
		r.store.step(always("Client", errDriver), nil)
		_, _, err = r.CreateOwnAPIKey(t.Context(), one.Principal, tokens.KeyOptions{})
		wantError(t, err, tokens.ErrUnavailable)
	})
	t.Run("a client that may only read is refused anything else, in each grant", func(t *testing.T) {
		t.Parallel()
		r := registering(t)
		key, _ := r.apiKey(t)
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "reader"})
		write := []string{"write"}
		r.unchanged(t, func() {
			_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, ClientID: "reader", Scopes: write})
			wantError(t, err, tokens.ErrInvalidScope)
			_, err = r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, ClientID: "reader", Scopes: write, IgnoreUnknownScopes: true})
			wantError(t, err, tokens.ErrInvalidScope)
			r.refusedWith(t, tokens.RefreshRequest{Token: one.RefreshToken, ClientID: "reader", Scopes: write}, tokens.ErrInvalidScope)
			_, err = r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, ClientID: "reader", Scopes: write})
			wantError(t, err, tokens.ErrInvalidScope)
		})
		for name, token := range map[string]tokens.Secret{"the refresh token": one.RefreshToken, "the access token": one.AccessToken} {
			if of, err := r.Introspect(t.Context(), token); err != nil || of.Scope != "read" {
				t.Errorf("of %s introspection tells %q, %v, want read", name, of.Scope, err)
			}
		}
	})
	t.Run("scopes that are not known are ignored where IgnoreUnknownScopes is set, and others narrow", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		login := func(scopes ...string) tokens.Pair {
			return r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, Scopes: scopes, IgnoreUnknownScopes: true})
		}
		if p := login("openid", "profile"); p.Principal.Scope != "read write admin" || !p.Narrowed || len(r.store.row(t).Scopes) > 0 {
			t.Errorf("%q, %t, the session %q", p.Principal.Scope, p.Narrowed, r.store.row(t).Scopes)
		}
		if p := login("openid", "read"); p.Principal.Scope != "read" || !p.Narrowed || !slices.Equal(r.store.row(t).Scopes, []string{"read"}) {
			t.Errorf("%q, %t, the session %q", p.Principal.Scope, p.Narrowed, r.store.row(t).Scopes)
		}
	})
}

func TestFaultA6IntrospectionTellsWhatATokenIsGoodForNow(t *testing.T) {
	t.Parallel()
	r := registering(t)
	one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "web", Scopes: []string{"read", "write"}})
	key, _, err := r.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Scopes: []string{"write", "admin"}})
	if err != nil {
		t.Fatal(err)
	}
	exchanged, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, ClientID: "web"})
	if err != nil {
		t.Fatal(err)
	}
	check := func(refresh, access, ofKey string) {
		t.Helper()
		for _, c := range []struct {
			token tokens.Secret
			want  string
		}{{one.RefreshToken, refresh}, {one.AccessToken, access}, {exchanged.AccessToken, ofKey}} {
			if of, err := r.Introspect(t.Context(), c.token); err != nil || !of.Active || of.Scope != c.want {
				t.Errorf("introspection tells %q, active %t, %v, want %q", of.Scope, of.Active, err, c.want)
			}
		}
	}
	check("read write", "read write", "write admin")
	u := alice
	u.Scopes = []string{"write"}
	r.set(t, u)
	check("write", "write", "write")
	u.Scopes = nil
	r.set(t, u)
	check("", "", "")
	r.set(t, alice)
	if err := r.store.memory.SetClient(t.Context(), store.Client{ID: "web", Grants: grants, Scopes: []string{"read", "admin"}}); err != nil {
		t.Fatal(err)
	}
	check("read", "read", "admin")
}

// TestFaultA6NothingGrows plays random histories of one user, three clients,
// their sessions and keys, and compares each answer with the sets that it must
// be within.
func TestFaultA6NothingGrows(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		playScopes(t, seed)
	}
}

// within reports whether all of a is in each limit; nil limits nothing.
func within(a []string, limits ...[]string) bool {
	for _, limit := range limits {
		for _, name := range a {
			if limit != nil && !slices.Contains(limit, name) {
				return false
			}
		}
	}
	return true
}

// meet is what of the set is in each limit, and never nil; nil limits nothing.
func meet(set []string, limits ...[]string) []string {
	return slices.DeleteFunc(append([]string{}, set...), func(name string) bool { return !within([]string{name}, limits...) })
}

func playScopes(t *testing.T, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 6))
	all := []string{"a", "b", "c", "d"}
	some := func(emptyOften bool) []string {
		if emptyOften && random.IntN(3) == 0 {
			return nil
		}
		return slices.DeleteFunc(slices.Clone(all), func(string) bool { return random.IntN(2) == 0 })
	}
	wish := func() []string { // nil, or not empty
		if s := some(true); len(s) > 0 {
			return s
		}
		return nil
	}
	type thread struct { // a session, with its newest tokens
		client string
		asked  []string
		pair   tokens.Pair
	}
	type key struct {
		text  tokens.Secret
		bound []string // nil: nothing narrowed it
	}
	r := registering(t)
	clients := map[string][]string{"any": nil, "one": nil, "two": nil}
	user := alice
	var sessions []*thread
	var keys []key
	var access []struct {
		pair   tokens.Pair
		limits [][]string
		client string
	}
	set := func() {
		user.Scopes = some(true)
		r.set(t, user)
		id := []string{"one", "two"}[random.IntN(2)]
		clients[id] = wish()
		for id, scopes := range clients {
			if err := r.store.memory.SetClient(t.Context(), store.Client{ID: id, Grants: grants, Scopes: scopes}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// answered compares a grant with what was asked, and with the limits.
	answered := func(what string, p tokens.Pair, err error, client string, asked []string, limits ...[]string) bool {
		t.Helper()
		limits = append(limits, clients[client])
		most := meet(user.Scopes, limits...)
		if asked != nil && !within(asked, most) {
			if !errors.Is(err, tokens.ErrInvalidScope) {
				t.Fatalf("seed %d: %s for %q of %q: %v, %q; want invalid scope", seed, what, asked, most, err, p.Principal.Scope)
			}
			return false
		}
		if err != nil {
			t.Fatalf("seed %d: %s for %q of %q: %v", seed, what, asked, most, err)
		}
		want := most
		if asked != nil {
			want = asked
		}
		if got := p.Principal.Scopes(); !within(got, want) || !within(want, got) {
			t.Fatalf("seed %d: %s for %q of %q gave %q", seed, what, asked, most, got)
		}
		access = append(access, struct {
			pair   tokens.Pair
			limits [][]string
			client string
		}{p, limits[:len(limits)-1], client})
		return true
	}
	set()
	for range 80 {
		client := []string{"any", "one", "two"}[random.IntN(3)]
		switch step := random.IntN(6); {
		case step == 0:
			set()
		case step == 1 || len(sessions) == 0:
			asked := wish()
			p, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, ClientID: client, Scopes: asked})
			if answered("a login", p, err, client, asked, asked) {
				sessions = append(sessions, &thread{client, asked, p})
			}
		case step == 2:
			s, asked := sessions[random.IntN(len(sessions))], wish()
			p, err := r.Refresh(t.Context(), tokens.RefreshRequest{Token: s.pair.RefreshToken, ClientID: s.client, Scopes: asked})
			if answered("a refresh", p, err, s.client, asked, s.asked) {
				s.pair = p
			}
		case step == 3:
			s, asked := sessions[random.IntN(len(sessions))], wish()
			text, row, err := r.CreateOwnAPIKey(t.Context(), s.pair.Principal, tokens.KeyOptions{Scopes: asked})
			has := s.pair.Principal.Scopes()
			most := meet(user.Scopes, clients[s.client], s.asked, has)
			switch {
			case err != nil && !errors.Is(err, tokens.ErrInvalidScope):
				t.Fatalf("seed %d: a key: %v", seed, err)
			case err != nil:
			case len(row.Scopes) == 0: // it follows its user, so nothing may have narrowed it
				if asked != nil || s.asked != nil || clients[s.client] != nil || len(has) > 0 || len(user.Scopes) > 0 {
					t.Fatalf("seed %d: a key for %q of %q is not narrowed", seed, asked, most)
				}
				keys = append(keys, key{text, nil})
			case !within(row.Scopes, most, asked):
				t.Fatalf("seed %d: a key for %q of %q has %q", seed, asked, most, row.Scopes)
			default:
				keys = append(keys, key{text, row.Scopes})
			}
		case step == 4 && len(keys) > 0:
			k, asked := keys[random.IntN(len(keys))], wish()
			p, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: k.text, ClientID: client, Scopes: asked})
			answered("an exchange", p, err, client, asked, k.bound)
		case step == 5:
			a := access[random.IntN(len(access))]
			of, err := r.Introspect(t.Context(), a.pair.AccessToken)
			want := meet(a.pair.Principal.Scopes(), append(slices.Clone(a.limits), clients[a.client], meet(user.Scopes))...)
			if err != nil || !of.Active || !within(strings.Fields(of.Scope), want) || !within(want, meet(strings.Fields(of.Scope))) {
				t.Fatalf("seed %d: introspection of an access token tells %q, %v, want %q", seed, of.Scope, err, want)
			}
			s := sessions[random.IntN(len(sessions))]
			of, err = r.Introspect(t.Context(), s.pair.RefreshToken)
			want = meet(user.Scopes, clients[s.client], s.asked)
			if err != nil || !within(strings.Fields(of.Scope), want) || !within(want, meet(strings.Fields(of.Scope))) {
				t.Fatalf("seed %d: introspection of a refresh token tells %q, %v, want %q", seed, of.Scope, err, want)
			}
		}
	}
}
