package tokens_test

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

func TestCreateOwnAPIKey(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		session []string // the scopes of the login
		user    []string // those that the user has by then; nil: as before
		asked   []string
		want    []string
		err     error
	}{
		{"without a wish it has what the access token has", []string{"read", "write"}, nil, nil, []string{"read", "write"}, nil},
		{"it may have less", []string{"read", "write"}, nil, []string{"write"}, []string{"write"}, nil},
		{"it may not have more", []string{"read"}, nil, []string{"read", "write"}, nil, tokens.ErrInvalidScope},
		{"a scope that no user has is refused", nil, nil, []string{"root"}, nil, tokens.ErrInvalidScope},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t)
			p := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, Scopes: test.session})
			r.store.take()
			key, row, err := r.CreateOwnAPIKey(t.Context(), p.Principal, tokens.KeyOptions{Label: "CI", Scopes: test.asked})
			if test.err != nil {
				wantError(t, err, test.err)
				if calls := r.store.take(); slices.Contains(calls, "CreateAPIKey") || key != "" {
					t.Errorf("calls = %q", calls)
				}
				return
			}
			if err != nil || !slices.Equal(row.Scopes, test.want) || row.Owner != (store.Owner{ID: alice.ID}) || row.Label != "CI" {
				t.Errorf("%v, %+v", err, row)
			}
			if calls := r.store.take(); !slices.Equal(calls, []string{"Session", "User", "CreateAPIKey", "User"}) {
				t.Errorf("calls = %q", calls)
			}
		})
	}
	t.Run("an access token that lost all its scopes makes no key that narrows nothing", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, Scopes: []string{"admin"}})
		less := alice
		less.Scopes = []string{"read"}
		r.set(t, less)
		two := r.refresh(t, one.RefreshToken)
		_, _, err := r.CreateOwnAPIKey(t.Context(), two.Principal, tokens.KeyOptions{})
		wantError(t, err, tokens.ErrInvalidScope)
	})
	t.Run("a key that would have expired is none", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		_, _, err := r.CreateOwnAPIKey(t.Context(), r.login(t).Principal, tokens.KeyOptions{Expires: r.clock.time()})
		wantError(t, err, tokens.ErrMalformed)
	})
	t.Run("a user who may no longer enter makes none", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.login(t).Principal
		if err := r.store.memory.RemoveUser(t.Context(), alice.ID); err != nil {
			t.Fatal(err)
		}
		_, _, err := r.CreateOwnAPIKey(t.Context(), p, tokens.KeyOptions{})
		wantError(t, err, tokens.ErrInvalidToken)
	})
	t.Run("a session that has expired makes none", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.AccessTTL, c.IdleTTL = time.Minute, time.Minute })
		p := r.login(t).Principal
		r.clock.move(time.Minute)
		_, _, err := r.CreateOwnAPIKey(t.Context(), p, tokens.KeyOptions{})
		wantError(t, err, tokens.ErrNoSession)
	})
}

// P36.
func TestRevokeAPIKey(t *testing.T) {
	t.Parallel()
	t.Run("P35: a key that cannot be denied is not revoked, and is when it comes again, with its access tokens", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying)
		key, row := r.apiKey(t)
		p, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range []string{"APIKeyByID", "DenySession"} {
			r.store.step(always(call, errDriver), nil)
			r.journal.Take()
			_, err := r.RevokeAPIKey(t.Context(), store.Owner{ID: alice.ID}, row.ID)
			wantError(t, err, tokens.ErrUnavailable)
			r.journal.WantKinds(t, events.StoreFailure)
			if !r.store.rows(t).Keys[0].RevokedAt.IsZero() {
				t.Error("the key is revoked")
			}
		}
		r.store.step(nil, nil)
		r.verify(t, p.AccessToken)
		if ok, err := r.RevokeAPIKey(t.Context(), store.Owner{ID: alice.ID}, row.ID); !ok || err != nil {
			t.Errorf("%t, %v", ok, err)
		}
		told := r.journal.WantKinds(t, events.KeyRevoked)
		if len(told) == 1 && (told[0].KeyID != row.ID || told[0].UserID != alice.ID) {
			t.Errorf("%+v", told)
		}
		_, err = r.Verify(t.Context(), p.AccessToken)
		wantError(t, err, tokens.ErrRevokedToken)
		_, err = r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
		wantError(t, err, tokens.ErrInvalidKey)
	})
	t.Run("another's key is not there", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying)
		_, row := r.apiKey(t)
		r.unchanged(t, func() {
			if ok, err := r.RevokeAPIKey(t.Context(), store.Owner{ID: bob.ID}, row.ID); ok || err != nil {
				t.Errorf("%t, %v", ok, err)
			}
		})
	})
}

func TestAPIKeyPattern(t *testing.T) {
	t.Parallel()
	r := open(t)
	pattern := regexp.MustCompile(tokens.APIKeyPattern)
	for range 100 {
		key, _, err := r.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"", "KEY=%s", `{"refresh_token":"%s"}`, "https://x.example/?k=%s&y", "\t%s\n", "'%s'", "(%s)"} {
			text = strings.ReplaceAll(text, "%s", string(key))
			if found := pattern.FindString(text); text != "" && found != string(key) {
				t.Errorf("in %q it found %q", text, found)
			}
		}
		if text := string(key); pattern.MatchString(text[:len(text)-1]) || pattern.MatchString(text+"A") || pattern.MatchString(strings.ToLower(text)) {
			t.Error("it finds what is no key")
		}
	}
	if p := r.login(t); pattern.MatchString(string(p.RefreshToken)) || pattern.MatchString(string(p.AccessToken)) {
		t.Error("it finds other tokens")
	}
}

// A hundred thousand keys: one look-up by digest, whatever their number.
func TestManyKeys(t *testing.T) {
	t.Parallel()
	r := open(t)
	for i := range 100_000 {
		id := strconv.Itoa(i)
		if err := r.store.memory.CreateAPIKey(t.Context(), store.APIKey{
			ID: "k" + id, Digest: sha256.Sum256([]byte(id)), Owner: store.Owner{ID: "u-" + strconv.Itoa(i/100)}, CreatedAt: r.clock.time(),
		}); err != nil {
			t.Fatal(err)
		}
	}
	key, _ := r.apiKey(t)
	r.store.take()
	if _, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key}); err != nil {
		t.Fatal(err)
	}
	if calls := r.store.take(); !slices.Equal(calls, []string{"APIKey", "User", "UseAPIKey"}) {
		t.Errorf("calls = %q: none of them goes through keys", calls)
	}
	unknown := "sp_ak_" + strings.Repeat("A", 26)
	_, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: tokens.Secret(unknown + checksumOf(unknown))})
	wantError(t, err, tokens.ErrInvalidKey)
	if calls := r.store.take(); !slices.Equal(calls, []string{"APIKey"}) {
		t.Errorf("calls = %q, for an unknown key", calls)
	}
	_, err = r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: tokens.Secret(unknown + "AAAAAAA")})
	wantError(t, err, tokens.ErrInvalidKey)
	if calls := r.store.take(); calls != nil {
		t.Errorf("calls = %q, for a mistyped key", calls)
	}
}

// checksumOf is what APIKeyPattern's comment says of the last seven characters.
func checksumOf(text string) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text)))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum)
}
