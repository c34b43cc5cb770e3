package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

func TestReplaceAPIKey(t *testing.T) {
	t.Parallel()
	t.Run("a key is rotated: both are listed, and which replaces which", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		own := d.login(t, alice)
		create := func(route, body string) keyAnswer {
			t.Helper()
			w := d.ask(t, "POST "+route+"\n"+bearerOf(own)+"\n"+jsonType+"\n\n"+body)
			wantStatus(t, w, http.StatusCreated)
			return decoded[keyAnswer](t, w.Body.String())
		}
		old := create("/keys/new", `{"label":"CI","scope":"read","expires_in":864000,"networks":["192.0.2.1","::ffff:198.51.100.0/120"]}`)
		if !slices.Equal(old.Networks, []string{"192.0.2.1/32", "198.51.100.0/24"}) || old.Hint == "" || !strings.HasSuffix(old.Key, old.Hint) || len(old.Hint) != 4 {
			t.Errorf("%+v", old)
		}
		next := create("/rotate/"+old.ID, `{"overlap":3600}`)
		if next.ID == old.ID || next.Key == old.Key || next.Label != "CI" || next.Scope != "read" || !slices.Equal(next.Networks, old.Networks) ||
			next.ExpiresAt == nil || next.ExpiresAt.Sub(next.CreatedAt).Round(time.Minute) != 240*time.Hour || next.ReplacedBy != "" {
			t.Errorf("%+v", next)
		}
		listed := d.keys(t, own).Keys
		if len(listed) != 2 || listed[0].ID != next.ID || listed[1].ID != old.ID || listed[1].ReplacedBy != next.ID || listed[1].Hint != old.Hint ||
			listed[1].ExpiresAt.Sub(next.CreatedAt).Round(time.Minute) != time.Hour || !slices.Equal(listed[1].Networks, old.Networks) {
			t.Errorf("%+v", listed)
		}
		wantStatus(t, d.ask(t, "POST /rotate/"+old.ID+"\n"+bearerOf(own)+"\n"+jsonType+"\n\n{}"), http.StatusConflict)
		last := create("/rotate/"+next.ID, `{"overlap":0,"expires_in":60}`)
		for key, status := range map[string]int{old.Key: http.StatusOK, next.Key: http.StatusBadRequest, last.Key: http.StatusOK} {
			w := d.from(t, "192.0.2.1:4444", "POST /token\n"+form+"\n\n"+exchanging+"&subject_token="+key)
			wantStatus(t, w, status)
		}
	})
	for _, body := range []string{
		"", "[]", `{"overlap":-1}`, `{"overlap":1.5}`, `{"overlap":"60"}`, `{"overlap":null}`, `{"overlap":3601}`, `{"overlap":1e300}`, `{"expires_in":0}`,
		`{"label":"x"}`, `{"scope":"read"}`, `{"networks":["192.0.2.1"]}`, `{"overlap":1,"overlap":2}`,
	} {
		t.Run("what cannot be read one way only replaces no key: "+body, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) { c.tokens.KeyOverlap = time.Hour })
			own := d.login(t, alice)
			id := d.apiKeyRow(t, tokens.KeyOptions{}).ID
			wantStatus(t, d.ask(t, "POST /rotate/"+id+"\n"+bearerOf(own)+"\n"+jsonType+"\n\n"+body), http.StatusBadRequest)
			if got := d.keys(t, own); len(got.Keys) != 1 || got.Keys[0].ReplacedBy != "" || got.Keys[0].ExpiresAt != nil {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("another's key is not there, and a narrowed token replaces none", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		id := d.apiKeyRow(t, tokens.KeyOptions{}).ID
		narrow, err := d.tokens.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, Scopes: []string{"read"}})
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, d.ask(t, "POST /rotate/"+id+"\n"+bearerOf(d.login(t, bob))+"\n"+jsonType+"\n\n{}"), http.StatusNotFound)
		wantStatus(t, d.ask(t, "POST /rotate/"+strings.Repeat("x", 5000)+"\n"+bearerOf(d.login(t, alice))+"\n"+jsonType+"\n\n{}"), http.StatusNotFound)
		wantStatus(t, d.ask(t, "POST /rotate/"+id+"\n"+bearerOf(narrow)+"\n"+jsonType+"\n\n{}"), http.StatusForbidden)
		if got := d.keys(t, d.login(t, alice)); len(got.Keys) != 1 || got.Keys[0].ReplacedBy != "" {
			t.Errorf("%+v", got)
		}
	})
}

// apiKeyRow makes a key of alice's.
func (d *harness) apiKeyRow(tb testing.TB, o tokens.KeyOptions) store.APIKey {
	tb.Helper()
	_, row, err := d.tokens.CreateAPIKey(tb.Context(), store.Owner{ID: alice.ID}, o)
	if err != nil {
		tb.Fatal(err)
	}
	return row
}

// from sends a request of the form of ask from an address.
func (d *harness) from(t *testing.T, remote, text string) *httptest.ResponseRecorder {
	t.Helper()
	r := request(t, d.fill(t, text))
	r.RemoteAddr = remote
	return d.send(r)
}

// A key from the wrong network is answered as a key that there is not, in each wire
// format that takes keys; only the event tells.
func TestAPIKeyNetworks(t *testing.T) {
	t.Parallel()
	d := open(t)
	lexik := d.WithDialect(wire.Lexik{})
	d.mux.HandleFunc("/login_refresh", lexik.Refresh)
	key, row, err := d.tokens.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Networks: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := open(t).tokens.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{})
	unknown, _, err2 := open(t).tokens.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{})
	if err != nil || err2 != nil || other.ID == row.ID {
		t.Fatal(err, err2)
	}
	for _, request := range []string{"POST /login_refresh\n" + form + "\n\nrefresh_token=", "POST /token\n" + form + "\n\n" + exchanging + "&subject_token="} {
		for _, remote := range []string{"198.51.100.7:1", "[::ffff:198.51.100.7]:1"} {
			wantStatus(t, d.from(t, remote, request+string(key)), http.StatusOK)
		}
		d.journal.Take()
		got, want := d.from(t, "198.51.101.7:1", request+string(key)), d.from(t, "198.51.101.7:1", request+string(unknown))
		if got.Code != want.Code || got.Body.String() != want.Body.String() || got.Code == http.StatusOK {
			t.Errorf("%d %s, and for a key that there is not %d %s", got.Code, got.Body, want.Code, want.Body)
		}
		got.Header().Del("Date")
		if len(got.Header()) != len(want.Header()) {
			t.Errorf("%v, and for a key that there is not %v", got.Header(), want.Header())
		}
		told := d.journal.WantKinds(t, events.KeyRefused, events.KeyRefused)
		if len(told) == 2 && (!errors.Is(told[0].Err, tokens.ErrKeyNetwork) || told[0].KeyID != row.ID || told[0].Address != netip.MustParseAddr("198.51.101.7") || told[1].KeyID != "") {
			t.Errorf("the events are %+v", told)
		}
	}
	// The header of a proxy that was not configured does not move a client.
	w := d.from(t, "198.51.101.7:1", "POST /token\n"+form+"\nX-Forwarded-For: 198.51.100.7\nForwarded: for=198.51.100.7\n\n"+exchanging+"&subject_token="+string(key))
	wantStatus(t, w, http.StatusBadRequest)
}

// The token of a service account manages no sessions and keys, whatever its scopes.
func TestAServiceAccountManagesNoAccount(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) {
		c.auth.AccountScope = "read"
		c.tokens.KeyOwner = func(_ context.Context, o store.Owner) (store.User, error) {
			return store.User{ID: o.ID, Tier: alice.Tier, Scopes: []string{"read"}}, nil
		}
	})
	key, _, err := d.tokens.CreateAPIKey(t.Context(), store.Owner{Kind: store.OwnerService, ID: alice.ID}, tokens.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.tokens.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"GET /sessions", "DELETE /sessions/others", "DELETE /sessions/x", "POST /everywhere", "GET /keys", "POST /keys/new", "POST /rotate/x", "DELETE /keys/x"} {
		wantStatus(t, d.ask(t, line+"\n"+bearerOf(p)+"\n"+jsonType+"\n\n{}"), http.StatusForbidden)
	}
	if w := d.call(t, "/me", p.AccessToken, ""); w.Code != http.StatusOK || w.Body.String() != "hello service:"+alice.ID {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
