package wire

import (
	"maps"

	"github.com/sallyport-go/sallyport/tokens"
)

// PostmanRefresh is the wire format of the postman-refresh route beside
// [FastAPI]. It is for clients that can refresh only by RFC 6749 §6, such as
// Postman and golang.org/x/oauth2: mount the handler Refresh of an Auth with this
// format, without cookies.
//
// The request is that of RFC 6749 §6, or the refresh-token header. Its scope is
// ignored, as FastAPI ignores it. A success is written as FastAPI does, and a
// rejection by RFC 6749 §5.2.
type PostmanRefresh struct{ OAuth2 }

// ReadRefresh reads the refresh token and the client.
func (d PostmanRefresh) ReadRefresh(p *Params) (tokens.RefreshRequest, error) {
	unscoped := *p
	unscoped.values = maps.Clone(p.values)
	delete(unscoped.values, "scope")
	unscoped.observer = p.observer.without("scope")
	return d.OAuth2.ReadRefresh(&unscoped)
}

// Granted returns the four members of FastAPI.
func (PostmanRefresh) Granted(p tokens.Pair) Answer { return FastAPI{}.Granted(p).NoCache() }
