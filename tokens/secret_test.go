package tokens_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// needles are secrets in all the ways that a careless print could show them.
type needles map[string]string // what is found, and what it is

func (n needles) add(what string, secrets ...tokens.Secret) {
	for _, s := range secrets {
		text := string(s)
		if len(text) < 8 {
			panic(what + " is too short to be looked for")
		}
		n[text] = what
		n[hex.EncodeToString([]byte(text))] = what + " in hexadecimal"
		n[strings.ToUpper(hex.EncodeToString([]byte(text)))] = what + " in hexadecimal"
		n[strings.Trim(fmt.Sprintf("%d", []byte(text)), "[]")] = what + " as numbers"
		n[strings.Trim(fmt.Sprintf("%q", text), `"`)] = what + " in quotes"
		n[base64.StdEncoding.EncodeToString([]byte(text))] = what + " in base64"
		n[base64.RawURLEncoding.EncodeToString([]byte(text))] = what + " in base64url"
		// the middle is worth as much
		if len(text) >= 32 {
			n[text[len(text)/4:len(text)*3/4]] = "a half of " + what
		}
	}
}

func (n needles) look(tb testing.TB, where, hay string) {
	tb.Helper()
	for needle, what := range n {
		if strings.Contains(hay, needle) {
			tb.Errorf("%s shows %s", where, what)
		}
	}
}

// lines is a place to log to that many may use at once.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// printed shows values as a host may, by intent or not.
func printed(tb testing.TB, values ...any) string {
	tb.Helper()
	var text strings.Builder
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			fmt.Fprintf(&text, verb+"\n", v)
			if reflect.TypeOf(v).Kind() == reflect.Pointer && slices.Contains([]string{"%s", "%q", "%t"}, verb) {
				continue // inside of another value fmt prints what a pointer points to without asking it: see Secret
			}
			fmt.Fprintf(&text, verb+"\n", []any{v})
			fmt.Fprintf(&text, verb+"\n", struct{ V any }{v})
		}
		fmt.Fprintln(&text, v, errors.Join(fmt.Errorf("failed for %v", v)))
		if b, err := json.MarshalIndent(v, "", " "); err == nil {
			text.Write(b)
		} else {
			text.WriteString(err.Error())
		}
		if b, err := xml.Marshal(v); err == nil {
			text.Write(b)
		} else {
			text.WriteString(err.Error())
		}
		if err := template.Must(template.New("").Parse("{{.}}")).Execute(&text, v); err != nil {
			text.WriteString(err.Error())
		}
		for _, log := range []*slog.Logger{slog.New(slog.NewJSONHandler(&text, nil)), slog.New(slog.NewTextHandler(&text, nil))} {
			log.LogAttrs(tb.Context(), slog.LevelInfo, "value", slog.Any("v", v), slog.Group("g", slog.Any("v", []any{v})))
		}
	}
	return text.String()
}

// P23: whatever happens, and however it is printed.
func TestSecretsAreShownNowhere(t *testing.T) {
	t.Parallel()
	t.Run("P23: no secret is in an event, a log line or an error", func(t *testing.T) {
		t.Parallel()
		log := &lines{}
		hooks := []func(context.Context, events.Event){
			events.Log(slog.New(slog.NewJSONHandler(log, nil))),
			events.Log(slog.New(slog.NewTextHandler(log, nil))),
			func(_ context.Context, e events.Event) { fmt.Fprintf(log, "%v %+v %#v\n", e, e, e) },
		}
		by := signerOf("HS256")
		wrong := tokens.Secret("hunter2-hunter2")
		r := open(t, graceOf(time.Minute), func(c *tokens.Config) {
			c.Keys = []keys.Key{by.key}
			c.Events = func(ctx context.Context, e events.Event) {
				for _, hook := range hooks {
					hook(ctx, e)
				}
			}
		})
		secrets := needles{}
		secrets.add("a password", password, wrong)
		secrets.add("a key", tokens.Secret(by.key.Secret), tokens.Secret(r.config.RefreshKeys[0]))
		pair := func(p tokens.Pair, err error) tokens.Pair {
			if err != nil {
				fmt.Fprintln(log, err)
				return p
			}
			secrets.add("an access token", p.AccessToken)
			if p.RefreshToken != "" {
				secrets.add("a refresh token", p.RefreshToken)
			}
			return p
		}
		failed := func(err error) {
			if err == nil {
				t.Error("it did not fail")
			}
			fmt.Fprintf(log, "%v %+v %#v\n", err, err, err)
		}
		ctx := t.Context()
		refresh := func(token tokens.Secret, client string) (tokens.Pair, error) {
			return r.Refresh(ctx, tokens.RefreshRequest{Token: token, ClientID: client})
		}
		for range 2 { // once with a store that fails
			failed(errorOf(r.Login(ctx, tokens.LoginRequest{Login: "alice", Password: wrong})))
			failed(errorOf(r.Login(ctx, tokens.LoginRequest{Login: string(wrong), Password: wrong}))) // typed into the wrong field
			failed(errorOf(r.Login(ctx, tokens.LoginRequest{Login: "alice", Password: wrong + "\xff", Scopes: []string{"read"}})))
			one := pair(r.Login(ctx, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop"}))
			pair(refresh(one.RefreshToken, "attacker"))
			two := pair(refresh(one.RefreshToken, "shop"))
			pair(refresh(one.RefreshToken, "shop"))
			pair(refresh(two.RefreshToken, ""))
			pair(refresh(one.RefreshToken, ""))
			three := pair(r.Login(ctx, tokens.LoginRequest{Login: "alice", Password: password}))
			secrets.add("a damaged token", three.AccessToken+"x", three.RefreshToken+"x")
			failed(errorOf(refresh(three.RefreshToken+"x", "")))
			failed(errorOf(r.Verify(ctx, three.AccessToken+"x")))
			failed(errorOf(r.Verify(ctx, three.RefreshToken)))
			failed(errorOf(refresh(three.AccessToken, "")))
			for _, c := range invalidTokens(t, r.clock.time(), by.key) {
				if len(c.Token) > 100 {
					secrets.add("an invalid token", c.Token)
					_, err := r.Verify(ctx, c.Token)
					fmt.Fprintln(log, err)
				}
			}
			_ = r.Logout(ctx, tokens.RefreshRequest{Token: three.RefreshToken})
			_ = r.LogoutPrincipal(ctx, three.Principal)
			_ = r.LogoutEverywhere(ctx, alice.ID)
			key, _, err := r.CreateAPIKey(ctx, store.Owner{ID: alice.ID}, tokens.KeyOptions{Label: "CI"})
			if err == nil {
				secrets.add("an API key", key)
			}
			pair(r.ExchangeKey(ctx, tokens.KeyRequest{Key: key}))
			failed(errorOf(r.ExchangeKey(ctx, tokens.KeyRequest{Key: key + "x"})))
			failed(errorOf(r.Verify(ctx, key)))
			calls := 0
			r.store.step(func(context.Context, string) error {
				calls++
				if calls%4 == 0 {
					return errDriver
				}
				return nil
			}, nil)
		}
		if !strings.Contains(log.String(), "broken pipe") || !strings.Contains(log.String(), `"kind":"reuse"`) || len(secrets) < 100 {
			t.Error("the test has not tried what it means to")
		}
		secrets.look(t, "the log", log.String())
	})

	t.Run("P23: no secret is in a print of what holds it", func(t *testing.T) {
		t.Parallel()
		secrets := needles{}
		r := open(t, func(c *tokens.Config) {
			c.Keys = []keys.Key{}
			for _, algorithm := range []string{"HS256", "HS512", "RS256", "ES256", "ES512", "EdDSA"} {
				c.Keys = append(c.Keys, signerOf(algorithm).key)
			}
		})
		for _, k := range r.config.Keys {
			switch private := k.Private.(type) {
			case nil:
				secrets.add("the secret of "+k.ID, tokens.Secret(k.Secret))
			case *rsa.PrivateKey:
				secrets.add("the exponent of "+k.ID, tokens.Secret(private.D.Bytes()), tokens.Secret(private.D.String()))
				secrets.add("a prime of "+k.ID, tokens.Secret(private.Primes[0].Bytes()), tokens.Secret(private.Primes[0].String()))
			case *ecdsa.PrivateKey:
				d, err := private.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				secrets.add("the secret of "+k.ID, tokens.Secret(d))
			case ed25519.PrivateKey:
				secrets.add("the secret of "+k.ID, tokens.Secret(private), tokens.Secret(private.Seed()))
			}
		}
		secrets.add("a refresh key", tokens.Secret(r.config.RefreshKeys[0]))
		p := r.login(t)
		key, row := r.apiKey(t)
		secrets.add("a token", p.AccessToken, p.RefreshToken, key)
		secrets.add("a password", password)
		login := tokens.LoginRequest{Login: "alice", Password: password}
		refresh := tokens.RefreshRequest{Token: p.RefreshToken}
		exchange := tokens.KeyRequest{Key: key}
		config := r.config
		config.Claims, config.Events, config.Now = nil, nil, nil // JSON has no word for a function
		config.Store, config.APIKeys = nil, nil
		text := printed(t,
			password, p.AccessToken, p, &p, p.Principal, login, &login, refresh, &refresh, exchange, &exchange, row,
			r.config, &r.config, config, r.config.Keys, r.config.Keys[2], &r.config.Keys[3], r.config.RefreshKeys,
			r.Authority, *r.Authority,
			map[string]tokens.Secret{"k": password}, []tokens.Secret{key}, [1]keys.Key{r.config.Keys[2]},
		)
		if !strings.Contains(text, "[redacted]") || !strings.Contains(text, "keys.Key{RS256 rs256}") {
			t.Error("the test has not tried what it means to")
		}
		secrets.look(t, "a print", text)
	})

	t.Run("P10: no row of the store holds a token, or what makes one", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		secrets := needles{}
		secrets.add("a key", tokens.Secret(r.config.Keys[0].Secret), tokens.Secret(r.config.RefreshKeys[0]))
		for range 3 {
			p := r.login(t)
			for range 3 {
				secrets.add("an access token", p.AccessToken)
				secrets.add("a refresh token", p.RefreshToken)
				body, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(string(p.RefreshToken), "sp_rt_"))
				if err != nil {
					t.Fatal(err)
				}
				secrets.add("the MAC of a refresh token", tokens.Secret(body[len(body)-32:]))
				p = r.refresh(t, p.RefreshToken)
			}
			key, _ := r.apiKey(t)
			secrets.add("an API key", key, key[6:32])
		}
		rows := r.store.rows(t)
		dump, err := json.Marshal(rows)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows.Sessions) != 3 || len(rows.Keys) != 3 {
			t.Error("the test has not tried what it means to")
		}
		secrets.look(t, "the store", fmt.Sprintf("%#v %s", rows, dump))
	})

	t.Run("P10: a row of the store is no credential and revokes nothing", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.login(t)
		_, _, _ = r.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{})
		rows := r.store.rows(t)
		own := crafted{prefix: "sp_rt_", version: 1, session: rows.Sessions[0].ID, generation: 1}
		for _, text := range []tokens.Secret{
			tokens.Secret(rows.Sessions[0].ID), "sp_rt_" + tokens.Secret(rows.Sessions[0].ID),
			tokens.Secret(rows.Keys[0].ID), tokens.Secret(rows.Keys[0].Digest[:]), tokens.Secret(hex.EncodeToString(rows.Keys[0].Digest[:])),
			own.token(t), tokens.Secret(p.Principal.SessionID), tokens.Secret(p.Principal.TokenID),
		} {
			notGenuine(t, r, string(text))
			if r.IsAPIKey(text) {
				t.Errorf("%q looks like an API key", string(text))
			}
		}
		r.refresh(t, p.RefreshToken)
	})
}

func errorOf2[T, U any](_ T, _ U, err error) error { return err }

func errorOf[T any](_ T, err error) error { return err }

func TestSecret(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b tokens.Secret
		want bool
	}{
		{"", "", true},
		{"a", "a", true},
		{"a", "b", false},
		{"a", "", false},
		{"a", "aa", false},
		{"secret", "Secret", false},
	} {
		if got := test.a.Equal(test.b); got != test.want {
			t.Errorf("%q.Equal(%q) = %v", string(test.a), string(test.b), got)
		}
	}

	t.Run("a handler of slog that asks no method but LogValue gets nothing", func(t *testing.T) {
		t.Parallel()
		for _, v := range []any{password, signerOf("RS256").key} {
			if got := slog.AnyValue(v).Resolve(); got.Kind() != slog.KindString || got.String() == string(password) {
				t.Errorf("it gets %v", got)
			}
		}
	})

	t.Run("a new secret is enough for any key, and another each time", func(t *testing.T) {
		t.Parallel()
		seen := map[keys.Secret]bool{}
		for range 8 {
			s := keys.NewSecret()
			if seen[s] || len(s) != 64 {
				t.Fatalf("NewSecret gave %d bytes, or the same twice", len(s))
			}
			seen[s] = true
			r := open(t, func(c *tokens.Config) {
				c.Keys = []keys.Key{{Algorithm: "HS512", Secret: s}}
				c.RefreshKeys = []keys.Secret{keys.NewSecret()}
			})
			r.refresh(t, r.login(t).RefreshToken)
		}
	})

	t.Run("a secret that is redacted is never taken for one", func(t *testing.T) {
		t.Parallel()
		var config struct{ Key keys.Secret }
		text, err := json.Marshal(struct{ Key keys.Secret }{secret("a", 32)})
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &config); err != nil { // as a host does that writes its configuration back
			t.Fatal(err)
		}
		c := open(t).config
		c.RefreshKeys = []keys.Secret{config.Key}
		if _, err := tokens.New(c); err == nil {
			t.Error("New takes it")
		}
	})
}
