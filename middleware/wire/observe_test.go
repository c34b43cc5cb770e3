package wire_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// told writes a Reading in one line: what is required has a star.
func told(r wire.Reading) string {
	var all []string
	for _, p := range r.Params {
		text := p.Name
		if p.In != "body" {
			text = p.In + " " + text
		}
		if p.Required {
			text += "*"
		}
		if len(p.Values) > 0 {
			text += "=" + strings.Join(p.Values, "|")
		}
		all = append(all, text)
	}
	if r.OneOf != nil {
		all = append(all, "one of "+strings.Join(r.OneOf, ", "))
	}
	if r.Client {
		all = append(all, "Basic")
	}
	return strings.Join(all, "; ")
}

// odd asks for a parameter without which it refuses everything, and for one that it refuses.
type odd struct{ wire.OAuth2 }

func (odd) ReadLogin(p *wire.Params) (tokens.LoginRequest, error) {
	if p.Get("forbidden") != "" || p.Get("kind") == "observed" {
		return tokens.LoginRequest{}, wire.NewError(wire.ReasonMalformed, nil)
	}
	if p.Get("pin") == "" {
		return tokens.LoginRequest{}, wire.Missing("pin")
	}
	if p.Get("pin") != "" && p.Get("device") == "" {
		return tokens.LoginRequest{}, wire.Missing("device")
	}
	return tokens.LoginRequest{}, nil
}

func TestObserveFindsWhatIsRead(t *testing.T) {
	t.Parallel()
	login := func(d wire.Dialect) func(*wire.Params) error {
		return func(p *wire.Params) error { _, err := d.ReadLogin(p); return err }
	}
	refresh := func(d wire.Dialect) func(*wire.Params) error {
		return func(p *wire.Params) error { _, err := d.ReadRefresh(p); return err }
	}
	logout := func(d wire.Dialect) func(*wire.Params) error {
		return func(p *wire.Params) error { _, _, err := d.ReadLogout(p); return err }
	}
	for _, test := range []struct {
		name string
		read func(*wire.Params) error
		want string
	}{
		{"OAuth2 login", login(wire.OAuth2{}), "grant_type=password; client_id; client_secret; username*; password*; scope; Basic"},
		{"OAuth2 refresh", refresh(wire.OAuth2{}), "grant_type=refresh_token; client_id; client_secret; header refresh-token; refresh_token; scope; one of refresh-token, refresh_token; Basic"},
		{"OAuth2 logout", logout(wire.OAuth2{}), "client_id; client_secret; header refresh-token; refresh_token; scope; Basic"},
		{"OAuth2 second factor", func(p *wire.Params) error { _, err := wire.OAuth2{}.ReadStep(p); return err }, "client_id; client_secret; step_token*; code*; method; Basic"},
		{"FastAPI login", login(wire.FastAPI{}), "grant_type=password; username*; password*; client_id; client_secret; scope; Basic"},
		{"FastAPI refresh", refresh(wire.FastAPI{}), "header refresh-token*; client_id; client_secret; one of refresh-token; Basic"},
		{"FastAPI logout", logout(wire.FastAPI{}), "header refresh-token; client_id; client_secret; Basic"},
		{"Lexik login", login(wire.Lexik{}), "_username*; _password*"},
		{"Lexik login with other names", login(wire.Lexik{Username: "email", Password: "pass"}), "email*; pass*"},
		{"Lexik refresh", refresh(wire.Lexik{}), "refresh_token*; one of refresh_token"},
		{"Lexik logout", logout(wire.Lexik{}), "refresh_token*; one of refresh_token"},
		{"a parameter that is ignored is not read", refresh(wire.PostmanRefresh{}), "grant_type=refresh_token; client_id; client_secret; header refresh-token; refresh_token; one of refresh-token, refresh_token; Basic"},
		{
			"an exchange", func(p *wire.Params) error { _, err := p.ExchangeGrant("api"); return err },
			"client_id; client_secret; subject_token*; subject_token_type*=urn:sallyport:token-type:api-key; " +
				"requested_token_type=urn:ietf:params:oauth:token-type:access_token|urn:ietf:params:oauth:token-type:jwt; audience=api; resource=api; scope; Basic",
		},
		{"a parameter that is always refused is not described", login(odd{}), "pin*; device*"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			only := []wire.Param{{Name: "audience", Values: []string{"api"}}, {Name: "resource", Values: []string{"api"}}}
			if got := told(wire.Observe(true, test.read, only...)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	t.Run("clients that need not be registered are read too", func(t *testing.T) {
		t.Parallel()
		got := wire.Observe(false, refresh(wire.FastAPI{}))
		if names := fmt.Sprint(slices.Collect(func(yield func(string) bool) {
			for _, p := range got.Params {
				if !yield(p.Name) {
					return
				}
			}
		})); names != "[refresh-token client_id client_secret]" {
			t.Error(names)
		}
	})
}
