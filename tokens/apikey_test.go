package tokens_test

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

func TestCreateAPIKey(t *testing.T) {
	t.Parallel()
	t.Run("a key has the form that scanners look for, and its checksum", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		form := regexp.MustCompile(`^sp_ak_[A-Z2-7]{33}$`)
		seen := map[tokens.Secret]bool{}
		for range 100 {
			key, _ := r.apiKey(t)
			text := string(key)
			if !form.MatchString(text) || !r.IsAPIKey(key) || seen[key] {
				t.Fatalf("the key %q is none, or is there twice", text)
			}
			seen[key] = true
			sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text[:32])))
			if want := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum); text[32:] != want {
				t.Errorf("the checksum is %q, want %q", text[32:], want)
			}
		}
	})

	t.Run("P10: the store gets the digest of a key, and nothing of the key", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		expires := r.clock.time().Add(time.Hour).In(time.FixedZone("east", 3600)).Add(1234 * time.Nanosecond)
		key, given, err := r.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Label: "CI\nof the shop", Scopes: []string{"read", "read"}, Expires: expires})
		if err != nil {
			t.Fatal(err)
		}
		row := r.store.rows(t).Keys[0]
		want := store.APIKey{
			ID: row.ID, Digest: sha256.Sum256([]byte(string(key))), Hint: string(key[len(key)-4:]), Owner: store.Owner{ID: alice.ID}, Label: "CIof the shop",
			CredentialVersion: r.version(t, alice.ID),
			Scopes:            []string{"read"}, CreatedAt: r.clock.time(), ExpiresAt: r.clock.time().Add(time.Hour + time.Microsecond),
		}
		if !reflect.DeepEqual(row, want) || !reflect.DeepEqual(given, want) {
			t.Errorf("the row is %+v\ngiven was %+v\nwant      %+v", row, given, want)
		}
		if text := fmt.Sprintf("%#v", row); row.ID == "" || strings.Contains(text, string(key)) || strings.Contains(text, string(key[6:32])) || strings.Contains(string(key), row.ID) {
			t.Error("the row holds the key, or the key the row's ID")
		}
	})

	t.Run("a key without scopes and without an end has neither", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		_, row := r.apiKey(t)
		if len(row.Scopes) > 0 || !row.ExpiresAt.IsZero() || !row.LastUsedAt.IsZero() || !row.RevokedAt.IsZero() {
			t.Errorf("the row is %+v", row)
		}
	})

	for _, test := range []struct {
		name   string
		user   string
		scopes []string
		want   error
	}{
		{"no user", "", nil, tokens.ErrMalformed},
		{"a user that no store holds", strings.Repeat("u", 513), nil, tokens.ErrMalformed},
		{"a user that is no text", "\xff", nil, tokens.ErrMalformed},
		{"a scope that is none", alice.ID, []string{"read write"}, tokens.ErrInvalidScope},
		{"scopes that were narrowed to nothing", alice.ID, []string{}, tokens.ErrInvalidScope},
		{"too many scopes", alice.ID, strings.Split(strings.Repeat("a", 65), ""), tokens.ErrInvalidScope},
	} {
		t.Run("no key is made for "+test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t)
			key, row, err := r.CreateAPIKey(t.Context(), store.Owner{ID: test.user}, tokens.KeyOptions{Scopes: test.scopes})
			wantError(t, err, test.want)
			if key != "" || !reflect.DeepEqual(row, store.APIKey{}) || len(r.store.take()) > 0 {
				t.Errorf("the refusal came with %+v", row)
			}
		})
	}

	t.Run("without Config.APIKeys there are none", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		key, _ := r.apiKey(t)
		c := r.config
		c.APIKeys = nil
		a := authority(t, c)
		_, _, err := a.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{})
		wantError(t, err, tokens.ErrMalformed)
		_, err = a.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
		wantError(t, err, tokens.ErrInvalidKey)
	})
}

func TestExchangeKey(t *testing.T) {
	t.Parallel()
	t.Run("a key becomes an access token of its user as they are today, and no session", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.Claims = hostClaims })
		key, row := r.apiKey(t)
		u := alice
		u.Tier, u.Seats = "premium", 9
		r.set(t, u)
		p, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, ClientID: "ci"})
		if err != nil {
			t.Fatal(err)
		}
		got := r.verify(t, p.AccessToken)
		if got != p.Principal || got.Subject != u.ID || got.Tier != "premium" || got.Seats != 9 || got.Account != u.Account ||
			got.ClientID != "ci" || !slices.Equal(got.Scopes(), u.Scopes) || got.SessionID != row.ID {
			t.Errorf("the principal is %+v", got)
		}
		if p.RefreshToken != "" || p.Replayed || p.Narrowed || p.ExpiresIn != time.Hour || len(r.store.rows(t).Sessions) > 0 {
			t.Errorf("the pair is %+v", p)
		}
		if claims := claimsOf(t, p.AccessToken); claims["https://issuer.example/dept"] == nil {
			t.Errorf("the claims are %v", claims)
		}
		if row.ID == got.TokenID {
			t.Error("jti is the key's ID")
		}
	})

	t.Run("a key stays good, and its last use is noted", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		key, _ := r.apiKey(t)
		for range 3 {
			r.clock.move(time.Hour)
			if _, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key}); err != nil {
				t.Fatal(err)
			}
			if row := r.store.rows(t).Keys[0]; !row.LastUsedAt.Equal(r.clock.time()) {
				t.Errorf("LastUsedAt = %v, want %v", row.LastUsedAt, r.clock.time())
			}
		}
	})

	for _, test := range []struct {
		name  string
		user  []string
		key   []string
		asked []string
		want  string
		err   error
	}{
		{"a key without scopes gives all that the user holds", []string{"read", "write"}, nil, nil, "read write", nil},
		{"a key's scopes narrow what the user holds", []string{"read", "write"}, []string{"write", "admin"}, nil, "write", nil},
		{"a key gives nothing that the user has lost", []string{"read"}, []string{"write"}, nil, "", nil},
		{"a request narrows the key", []string{"read", "write"}, []string{"read", "write"}, []string{"read"}, "read", nil},
		{"a request for more than the key has is refused", []string{"read", "write"}, []string{"read"}, []string{"read", "write"}, "", tokens.ErrInvalidScope},
		{"a request for nothing that the key has is refused", []string{"read", "write"}, []string{"read"}, []string{"write"}, "", tokens.ErrInvalidScope},
		{"a request for what the user has lost is refused", []string{"read"}, []string{"read", "write"}, []string{"write"}, "", tokens.ErrInvalidScope},
		{"a request for any scope of a user who holds none is refused", nil, nil, []string{"api"}, "", tokens.ErrInvalidScope},
		{"a request for what was narrowed to nothing is refused", []string{"read"}, nil, []string{}, "", tokens.ErrInvalidScope},
		{"a scope that is none is refused", []string{"read"}, nil, []string{"re ad"}, "", tokens.ErrInvalidScope},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t)
			u := alice
			u.Scopes = test.user
			r.set(t, u)
			key, _, err := r.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Scopes: test.key})
			if err != nil {
				t.Fatal(err)
			}
			if test.err != nil {
				r.unchanged(t, func() {
					_, err = r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, Scopes: test.asked})
					wantError(t, err, test.err)
				})
				return
			}
			p, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, Scopes: test.asked})
			if err != nil || p.Principal.Scope != test.want || p.Narrowed {
				t.Errorf("Scope = %q, Narrowed = %v, %v, want %q", p.Principal.Scope, p.Narrowed, err, test.want)
			}
		})
	}

	for _, test := range []struct {
		name string
		do   func(*testing.T, *fixture, store.APIKey)
	}{
		{"a revoked key", func(t *testing.T, r *fixture, k store.APIKey) {
			t.Helper()
			if err := r.store.memory.RevokeAPIKey(t.Context(), k.ID, r.clock.time()); err != nil {
				t.Fatal(err)
			}
		}},
		{"a key at its end", func(_ *testing.T, r *fixture, _ store.APIKey) { r.clock.move(time.Hour) }},
		{"a key behind its end", func(_ *testing.T, r *fixture, _ store.APIKey) { r.clock.move(time.Hour + time.Microsecond) }},
		{"a key of a user who was removed", func(t *testing.T, r *fixture, _ store.APIKey) {
			t.Helper()
			if err := r.store.memory.RemoveUser(t.Context(), alice.ID); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(test.name+" is rejected, and its last use is not noted", func(t *testing.T) {
			t.Parallel()
			r := open(t)
			key, row, err := r.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Expires: r.clock.time().Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			test.do(t, r, row)
			r.journal.Take()
			r.unchanged(t, func() {
				p, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
				wantError(t, err, tokens.ErrInvalidKey)
				if !reflect.DeepEqual(p, tokens.Pair{}) {
					t.Error("the refusal came with a pair")
				}
			})
			if e := r.journal.WantKinds(t, events.KeyRefused); len(e) == 1 && (e[0].KeyID != row.ID || e[0].UserID != alice.ID) {
				t.Errorf("the event is %+v", e[0])
			}
		})
	}

	t.Run("no access token outlives its key, and none is dead when it is handed out", func(t *testing.T) {
		t.Parallel()
		for _, left := range []time.Duration{time.Microsecond, 400 * time.Millisecond, time.Second, 90 * time.Second, 59 * time.Minute} {
			for _, fraction := range []time.Duration{0, 700 * time.Millisecond} {
				r := open(t)
				r.clock.move(fraction)
				end := r.clock.time().Add(24 * time.Hour)
				key, _, err := r.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Expires: end})
				if err != nil {
					t.Fatal(err)
				}
				r.clock.move(24*time.Hour - left)
				p, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
				if err != nil {
					wantError(t, err, tokens.ErrInvalidKey)
					if left >= 2*time.Second {
						t.Errorf("%v before its end: %v", left, err)
					}
					continue
				}
				if got := r.verify(t, p.AccessToken).ExpiresAt; got.After(end) || p.ExpiresIn < time.Second {
					t.Errorf("%v before the key's end the token ends at %v, the key at %v", left, got, end)
				}
			}
		}
	})

	t.Run("a store that gives another's user is unavailable", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		key, _ := r.apiKey(t)
		c := r.config
		f := &foreign{storeSpy: r.store, user: func(u *store.User) { u.ID = bob.ID }}
		c.Store, c.APIKeys = f, f
		_, err := authority(t, c).ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
		wantError(t, err, tokens.ErrUnavailable)
	})

	t.Run("a client identifier that no store holds is malformed", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		key, _ := r.apiKey(t)
		_, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, ClientID: "\xff"})
		wantError(t, err, tokens.ErrMalformed)
	})
}

func TestMistypedAPIKey(t *testing.T) {
	t.Parallel()
	r := open(t)
	key, _ := r.apiKey(t)
	text := string(key)
	refused := func(t *testing.T, text string) {
		t.Helper()
		if r.IsAPIKey(tokens.Secret(text)) {
			t.Errorf("%q looks like an API key", text)
		}
		_, err := authorityWithout(t, r).ExchangeKey(t.Context(), tokens.KeyRequest{Key: tokens.Secret(text)})
		wantError(t, err, tokens.ErrInvalidKey)
	}

	t.Run("a mistyped character is found out without a question to the store", func(t *testing.T) {
		t.Parallel()
		for i := range text {
			for _, c := range []byte("AZ27az_ \x00\xff") {
				if text[i] != c {
					refused(t, text[:i]+string(rune(c))+text[i+1:])
					b := []byte(text)
					b[i] = c
					refused(t, string(b))
				}
			}
		}
	})

	t.Run("two characters that changed places are found out without a question to the store", func(t *testing.T) {
		t.Parallel()
		for i := range len(text) - 1 {
			if b := []byte(text); b[i] != b[i+1] {
				b[i], b[i+1] = b[i+1], b[i]
				refused(t, string(b))
			}
		}
	})

	t.Run("what is too short or too long is refused without a question to the store", func(t *testing.T) {
		t.Parallel()
		for i := range text {
			refused(t, text[:i])
			refused(t, text[i+1:])
		}
		for _, more := range []string{"A", " ", "\n", "=", text, strings.Repeat("A", 1<<20)} {
			refused(t, text+more)
			refused(t, more+text)
		}
		refused(t, strings.ToLower(text))
		refused(t, "xx"+text[2:])
	})

	t.Run("a key with a good checksum that was never created is unknown", func(t *testing.T) {
		t.Parallel()
		other, _ := open(t).apiKey(t)
		if !r.IsAPIKey(other) {
			t.Error("it does not look like an API key")
		}
		_, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: other})
		wantError(t, err, tokens.ErrInvalidKey)
	})

	t.Run("D182: a key is neither an access token nor a refresh token, and they are no keys", func(t *testing.T) {
		t.Parallel()
		a := authorityWithout(t, r)
		_, err := a.Verify(t.Context(), key)
		wantError(t, err, tokens.ErrInvalidToken)
		_, err = a.Refresh(t.Context(), tokens.RefreshRequest{Token: key})
		wantError(t, err, tokens.ErrInvalidRefresh)
		if err := a.Logout(t.Context(), tokens.RefreshRequest{Token: key}); !errors.Is(err, tokens.ErrInvalidRefresh) {
			t.Errorf("Logout: %v", err)
		}
		p := r.login(t)
		refused(t, string(p.AccessToken))
		refused(t, string(p.RefreshToken))
	})
}
