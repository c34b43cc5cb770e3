package middleware

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/sallyport-go/sallyport/middleware/wire"
)

// wellKnown is the path of the metadata (RFC 8414 §3).
const wellKnown = "/.well-known/oauth-authorization-server"

// Endpoints are the endpoints that Metadata publishes (RFC 8414 §2). Each must be
// an https URL, or a path that begins with a slash, for example "/token": it is
// resolved against the issuer's scheme and host. Empty: Metadata does not publish
// the endpoint.
type Endpoints struct {
	// Token is where Token is mounted (RFC 6749 §3.2). It is required if any other
	// endpoint is set.
	Token string

	// JWKS is where JWKS is mounted (RFC 7517 §5).
	JWKS string

	// Revoke is where Revoke is mounted (RFC 7009 §2).
	Revoke string

	// Introspect is where Introspect is mounted (RFC 7662 §2).
	Introspect string
}

// metadata is the document of RFC 8414 §2.
type metadata struct {
	Issuer                string   `json:"issuer"`
	TokenEndpoint         string   `json:"token_endpoint"`
	JWKSURI               string   `json:"jwks_uri,omitempty"`
	ResponseTypes         []string `json:"response_types_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	RevocationEndpoint    string   `json:"revocation_endpoint,omitempty"`
	RevocationAuthMethods []string `json:"revocation_endpoint_auth_methods_supported,omitempty"`
	IntrospectionEndpoint string   `json:"introspection_endpoint,omitempty"`
	IntrospectAuthMethods []string `json:"introspection_endpoint_auth_methods_supported,omitempty"`
}

var errNoEndpoints = errors.New("middleware: Config.Endpoints is empty: there is nothing to tell")

// checkEndpoints complains of endpoints that no client could use.
func (c Config) checkEndpoints(complain complaint) {
	if c.Endpoints == (Endpoints{}) {
		return
	}
	if c.Tokens == nil {
		complain("Endpoints", "must be empty without Tokens")
		return
	}
	issuer, err := webURL(c.Tokens.Issuer())
	if err == nil && issuer.RawQuery != "" {
		err = errors.New("must have no query")
	}
	if err != nil {
		complain("Endpoints", "must be empty with the issuer %q, which %v", c.Tokens.Issuer(), err)
		return
	}
	if c.Endpoints.Token == "" {
		complain("Endpoints.Token", "is required if any other endpoint is set")
	}
	for _, e := range []struct{ name, value string }{
		{"Token", c.Endpoints.Token}, {"JWKS", c.Endpoints.JWKS}, {"Revoke", c.Endpoints.Revoke}, {"Introspect", c.Endpoints.Introspect},
	} {
		if e.value == "" {
			continue
		}
		_, err := webURL(at(issuer, e.value))
		if err == nil {
			err = c.checkPublished(e.name)
		}
		if err != nil {
			complain("Endpoints."+e.name, "%v, got %q", err, e.value)
		}
	}
}

// webURL parses an https URL without a fragment. http is allowed on the loopback
// interface, for tests and first steps.
func webURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("must be a URL")
	case u.Host == "" || u.User != nil || u.Opaque != "":
		return nil, errors.New("must be https with a host and an optional path")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return nil, errors.New("must have no fragment")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("must be https")
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// at returns an endpoint's URL: itself, or a path at the issuer's scheme and
// host.
func at(issuer *url.URL, endpoint string) string {
	if strings.HasPrefix(endpoint, "/") {
		return issuer.Scheme + "://" + issuer.Host + endpoint
	}
	return endpoint
}

// metadata returns what this Auth supports.
func (a *Auth) metadata() metadata {
	issuer, _ := url.Parse(a.tokens.Issuer()) // checkEndpoints has parsed it
	tell := func(endpoint string) string {
		if endpoint == "" {
			return ""
		}
		return at(issuer, endpoint)
	}
	m := metadata{
		Issuer:        a.tokens.Issuer(),
		TokenEndpoint: tell(a.endpoints.Token),
		JWKSURI:       tell(a.endpoints.JWKS),
		// RFC 8414 §2 requires one, §3.2 forbids an empty list, and there is no
		// authorization endpoint that could have any other
		ResponseTypes:         []string{"none"},
		GrantTypes:            a.grantTypes(),
		AuthMethods:           []string{"none"},
		RevocationEndpoint:    tell(a.endpoints.Revoke),
		IntrospectionEndpoint: tell(a.endpoints.Introspect),
	}
	if a.tokens.RegistersClients() {
		secret := []string{"client_secret_basic", "client_secret_post"}
		m.AuthMethods = append(m.AuthMethods, secret...)
		if m.IntrospectionEndpoint != "" {
			m.IntrospectAuthMethods = secret
		}
	}
	if m.RevocationEndpoint != "" {
		m.RevocationAuthMethods = m.AuthMethods
	}
	return m
}

// MetadataPath returns the path at which clients look for the metadata of an
// issuer: by RFC 8414 §3.1 the well-known part precedes the issuer's own path.
// For "https://example.com/shop" it is
// "/.well-known/oauth-authorization-server/shop". It returns an error unless
// issuer is an https URL, or an http URL on the loopback interface.
//
// Characters of the issuer's path that are percent-encoded stay so. http.ServeMux takes
// the path as it is; a router that compares decoded paths, such as Echo's, needs
// url.PathUnescape of it.
func MetadataPath(issuer string) (string, error) {
	u, err := webURL(issuer)
	if err != nil {
		return "", fmt.Errorf("middleware: the issuer %q: %w", issuer, err)
	}
	return wellKnown + strings.TrimSuffix(u.EscapedPath(), "/"), nil
}

// CheckMetadata returns the metadata of RFC 8414 §2: the issuer of the Authority,
// never one of a Host header, and the URLs of Config.Endpoints. The method must
// be GET or HEAD. Without Config.Endpoints it returns ReasonInternal.
func (a *Auth) CheckMetadata(r *http.Request) (wire.Answer, error) {
	switch {
	case a.tokens == nil:
		return wire.Answer{}, a.unworkable(r, errNoTokens)
	case a.endpoints == (Endpoints{}):
		return wire.Answer{}, a.unworkable(r, errNoEndpoints)
	}
	text, err := json.Marshal(a.metadata())
	if err != nil {
		return wire.Answer{}, wire.NewError(wire.ReasonInternal, err)
	}
	return a.document(r, "Metadata", "application/json", text)
}

// Metadata is a handler that writes the metadata of CheckMetadata. Mount it at
// [MetadataPath].
func (a *Auth) Metadata(w http.ResponseWriter, r *http.Request) {
	answer, err := a.CheckMetadata(r)
	a.published(w, r, answer, err)
}
