package tokens_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

func TestParseNetworks(t *testing.T) {
	t.Parallel()
	many := make([]string, 33)
	for i := range many {
		many[i] = fmt.Sprintf("192.0.2.%d", i)
	}
	for _, test := range []struct {
		name  string
		texts []string
		want  string // empty: ErrMalformed
	}{
		{"networks come in their order", []string{"2001:db8::/32", "192.0.2.0/24"}, "[2001:db8::/32 192.0.2.0/24]"},
		{"an address is a network of one", []string{"192.0.2.7", "2001:db8::7"}, "[192.0.2.7/32 2001:db8::7/128]"},
		{"IPv4 that is written as IPv6 is IPv4", []string{"::ffff:192.0.2.0/120", "::ffff:192.0.2.7", "::ffff:0:0/96"}, "[192.0.2.0/24 192.0.2.7/32 0.0.0.0/0]"},
		{"one that is there twice is there once", []string{"192.0.2.0/24", "::ffff:192.0.2.0/120", "192.0.2.0/24"}, "[192.0.2.0/24]"},
		{"everything is a network", []string{"0.0.0.0/0", "::/0"}, "[0.0.0.0/0 ::/0]"},
		{"as many as there may be", many[:32], fmt.Sprint(strings.Split(strings.Join(many[:32], "/32 ")+"/32", " "))},
		{"none is none", nil, "[]"},
		{"one more is refused", many, ""},
		{"a network with bits behind its length is refused, which may be meant as an address", []string{"192.0.2.7/24"}, ""},
		{"an IPv6 one too", []string{"2001:db8::1/32"}, ""},
		{"one that reaches out of IPv4 in IPv6 is refused", []string{"::fffe:0:0/95"}, "[::fffe:0:0/95]"},
		{"and one whose address is IPv4 in IPv6", []string{"::ffff:192.0.2.0/90"}, ""},
		{"a zone is refused", []string{"fe80::1%eth0"}, ""},
		{"a zone in a network is refused", []string{"fe80::%eth0/10"}, ""},
		{"no text is refused", []string{""}, ""},
		{"a name is refused", []string{"localhost"}, ""},
		{"a range is refused", []string{"192.0.2.1-192.0.2.9"}, ""},
		{"a length that there is not is refused", []string{"192.0.2.0/33"}, ""},
		{"a mask is refused", []string{"192.0.2.0/255.255.255.0"}, ""},
		{"white space is refused", []string{" 192.0.2.0/24"}, ""},
		{"octal is refused, which others read as another network", []string{"192.0.02.0/24"}, ""},
		{"a long text is refused", []string{strings.Repeat("1", 1<<20)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := tokens.ParseNetworks(test.texts)
			if test.want == "" {
				wantError(t, err, tokens.ErrMalformed)
				if err != nil && len(test.texts[0]) > 1 && strings.Contains(err.Error(), test.texts[0]) {
					t.Errorf("%v has the text", err)
				}
				return
			}
			if err != nil || fmt.Sprint(got) != test.want {
				t.Errorf("%v, %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestKeyNetworks(t *testing.T) {
	t.Parallel()
	networks := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:1::/48"), netip.MustParsePrefix("fe80::/10")}
	for _, test := range []struct {
		name, from string
		allowed    bool
	}{
		{"an address in the first network", "192.0.2.255", true},
		{"IPv4 as IPv6, as a listener for both has it", "::ffff:192.0.2.255", true},
		{"an address in the second network", "2001:db8:1:ffff::1", true},
		{"a link-local address with a zone", "fe80::1%eth0", true},
		{"an address beside the first network", "192.0.3.0", false},
		{"an address beside the second network", "2001:db8:2::", false},
		{"the address of NAT64 for one in the first", "64:ff9b::192.0.2.1", false},
		{"the address of 6to4 for one in the first", "2002:c000:0201::1", false},
		{"no address", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, denying)
			key, row := r.keyOf(t, store.Owner{ID: alice.ID}, tokens.KeyOptions{Networks: networks})
			if !slices.Equal(row.Networks, networks) {
				t.Errorf("the row has %v", row.Networks)
			}
			ctx := t.Context()
			if test.from != "" {
				ctx = events.WithAddress(ctx, netip.MustParseAddr(test.from))
			}
			r.journal.Take()
			r.store.take()
			before := r.store.rows(t)
			_, err := r.ExchangeKey(ctx, tokens.KeyRequest{Key: key})
			if test.allowed {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, tokens.ErrInvalidKey)
			if !errors.Is(err, tokens.ErrKeyNetwork) || fmt.Sprint(r.store.rows(t)) != fmt.Sprint(before) {
				t.Errorf("%v, and the store may have changed", err)
			}
			// As many round trips as for a key that is unknown: the time says nothing.
			if calls := r.store.take(); !slices.Equal(calls, []string{"APIKey"}) {
				t.Errorf("calls = %q", calls)
			}
			if e := r.journal.WantKinds(t, events.KeyRefused); len(e) == 1 &&
				(!errors.Is(e[0].Err, tokens.ErrKeyNetwork) || e[0].KeyID != row.ID || e[0].UserID != alice.ID || e[0].Address != events.AddressFrom(ctx)) {
				t.Errorf("the event is %+v", e[0])
			}
			// A finder of the key may end it, from anywhere.
			if sid, err := r.Revoke(ctx, tokens.RevokeRequest{Token: key}); err != nil || sid != row.ID {
				t.Errorf("Revoke: %q, %v", sid, err)
			}
		})
	}

	for _, test := range []struct {
		name     string
		networks []netip.Prefix
		want     string
	}{
		{"IPv4 as IPv6 becomes IPv4", []netip.Prefix{netip.MustParsePrefix("::ffff:192.0.2.0/120")}, "[192.0.2.0/24]"},
		{"what was narrowed to nothing is refused", []netip.Prefix{}, ""},
		{"one that is no network is refused", []netip.Prefix{{}}, ""},
		{"bits behind the length are refused", []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}, ""},
		{"too many are refused", slices.Repeat(networks, 11), ""},
	} {
		t.Run("of the networks of a new key, "+test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t)
			_, row, err := r.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Networks: test.networks})
			_, own, ownErr := r.CreateOwnAPIKey(t.Context(), r.login(t).Principal, tokens.KeyOptions{Networks: test.networks})
			if test.want == "" {
				wantError(t, err, tokens.ErrMalformed)
				wantError(t, ownErr, tokens.ErrMalformed)
				return
			}
			if err != nil || ownErr != nil || fmt.Sprint(row.Networks) != test.want || fmt.Sprint(own.Networks) != test.want {
				t.Errorf("%v, %v, %v, %v", row.Networks, own.Networks, err, ownErr)
			}
		})
	}

	for _, test := range []struct {
		name  string
		spoil func(k *store.APIKey)
	}{
		{"too many networks", func(k *store.APIKey) { k.Networks = slices.Repeat(networks, 11) }},
		{"a network that is none", func(k *store.APIKey) { k.Networks = []netip.Prefix{{}} }},
		{"a successor that no key can be", func(k *store.APIKey) { k.Successor = "a b" }},
		{"a hint that is no text", func(k *store.APIKey) { k.Hint = "\xff" }},
	} {
		t.Run("a store that returns "+test.name+" has broken its contract", func(t *testing.T) {
			t.Parallel()
			r := open(t)
			key, _ := r.apiKey(t)
			c := r.config
			c.APIKeys = &foreign{storeSpy: r.store, key: test.spoil}
			_, err := authority(t, c).ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
			wantError(t, err, tokens.ErrUnavailable)
			if !errors.Is(err, tokens.ErrContract) {
				t.Errorf("error = %v", err)
			}
		})
	}
}
