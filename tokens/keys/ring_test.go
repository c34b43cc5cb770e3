package keys_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestRing(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	es, ed, hs := signerOf("ES256").key, signerOf("EdDSA").key, signerOf("HS256").key
	next := ed
	next.SignsFrom = at
	public := keys.Key{ID: "public", Algorithm: "ES256", Public: signerOf("ES256").verify}

	t.Run("keys follow one another by the clock", func(t *testing.T) {
		t.Parallel()
		old := es
		old.RetiresAt = at.Add(time.Hour)
		ring, err := keys.NewRing(old, next)
		if err != nil {
			t.Fatal(err)
		}
		set, err := ring.KeySet(t.Context(), "")
		if err != nil || set != ring.Current() {
			t.Fatal(err)
		}
		for when, want := range map[time.Duration]string{-1: "es256", 0: "eddsa", time.Hour: "eddsa"} {
			if key := set.Signer(at.Add(when)); key.ID() != want {
				t.Errorf("%v: %s signs", when, key.ID())
			}
		}
		before, after := at.Add(time.Hour-1), at.Add(time.Hour)
		if set.Named("es256", "ES256", before) == nil || set.Named("es256", "ES256", after) != nil || set.Named("es256", "ES384", before) != nil {
			t.Error("a key verifies until it retires, with its one algorithm")
		}
		key := set.Named("es256", "ES256", before)
		head := strings.TrimSuffix(key.Header(), ".")
		if set.WithHeader(head, before) != key || set.WithHeader(head, after) != nil || set.WithHeader(head+"A", before) != nil {
			t.Error("a key is found by its header until it retires")
		}
		if !set.Has("es256") || set.Has("hs256") || key.IsHMAC() || !key.RetiresAt().Equal(after) || key.Algorithm() != "ES256" {
			t.Error("the set does not say what it has")
		}
		if len(published(t, set.JWKS(before))) != 2 || len(published(t, set.JWKS(after))) != 1 {
			t.Error("a retired key is published")
		}
	})

	t.Run("what is wrong is said at once, each with its path, and nothing changes", func(t *testing.T) {
		t.Parallel()
		ring, err := keys.NewRing(hs)
		if err != nil {
			t.Fatal(err)
		}
		set := ring.Current()
		err = ring.Replace(public, keys.Key{Algorithm: "HS256", Secret: "short"}, es)
		if problem, ok := errors.AsType[*keys.ConfigError](err); !ok || problem.Path != "Keys[1].Secret" {
			t.Errorf("error = %v", err)
		}
		if want := "keys: Keys[1].Secret: must be at least 32 random bytes for HS256, got 5\nkeys: Keys[2]: must not be the same key as the one with the ID \"public\""; err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if ring.Current() != set || !ring.Holds(hs.Secret) || ring.Holds("another") {
			t.Error("the keys have changed")
		}
		for want, all := range map[string][]keys.Key{
			"keys: Keys: is required: at least one, the first of which signs":                                        nil,
			"keys: Keys[0]: must have a Secret or a Private key, because the first key signs, got a Public key only": {public},
			"keys: Keys[0].RetiresAt: must be zero until there is a key that signs after it":                         {retiring(es, at)},
			"keys: Keys[0].RetiresAt: must be after the SignsFrom of the next key, usually by Config.AccessTTL":      {retiring(es, at), next},
			"keys: Keys[1].RetiresAt: must be after SignsFrom":                                                       {es, retiring(next, at)},
		} {
			if err := ring.Replace(all...); err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
		}
		if _, err := keys.NewSet(); err == nil || err.Error() != "keys: Keys: is required: at least one" {
			t.Errorf("NewSet: %v", err)
		}
	})

	t.Run("a Ring that NewRing has not made has no keys, and says so", func(t *testing.T) {
		t.Parallel()
		var ring keys.Ring
		if set, err := ring.KeySet(t.Context(), ""); err == nil || ring.Current() != nil || ring.Holds("") {
			t.Errorf("%v", set)
		}
	})
}

func retiring(k keys.Key, at time.Time) keys.Key {
	k.RetiresAt = at
	return k
}

func TestNoPrintHasASecret(t *testing.T) {
	t.Parallel()
	secret := keys.NewSecret()
	key := keys.Key{ID: "hs", Algorithm: "HS256", Secret: secret}
	ring, err := keys.NewRing(key)
	if err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	log := slog.New(slog.NewTextHandler(&printed, nil))
	for _, v := range []any{secret, key, &key, ring, ring.Current(), *ring.Current(), []keys.Secret{secret}} {
		fmt.Fprintf(&printed, "%v %+v %#v %s %q %x\n", v, v, v, v, v, v)
		log.InfoContext(t.Context(), "a value", "v", v)
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = printed.Write(text)
	}
	for _, form := range []string{"%s", "%x", "%q", "%d"} {
		if strings.Contains(printed.String(), fmt.Sprintf(form, []byte(secret))) {
			t.Errorf("the secret is printed as %s", form)
		}
	}
	if !strings.Contains(printed.String(), "[redacted]") || !strings.Contains(printed.String(), "keys.Key{HS256 hs}") {
		t.Error("the test has not printed what it means to")
	}
	if !secret.Equal(secret+"") || secret.Equal(secret[1:]) || !secret.LooksRandom() || keys.Secret(strings.Repeat("secret!", 9)).LooksRandom() {
		t.Error("secrets are compared wrongly")
	}
}
