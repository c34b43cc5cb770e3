package wire

import (
	"maps"

	"github.com/sallyport-go/sallyport/tokens"
)

// PostmanRefresh is the wire format of the postman-refresh route beside [FastAPI]. It
// is for clients that can refresh as RFC 6749 §6 has it and in no other way, such as
// Postman and golang.org/x/oauth2: mount the handler Refresh of an Auth with this
// format, without cookies.
//
// The request is that of RFC 6749 §6, or the refresh-token header, and the scope in it
// is ignored, as FastAPI ignores it. A success is answered as FastAPI does, and a
// refusal as RFC 6749 §5.2 has it.
type PostmanRefresh struct{ OAuth2 }

// ReadRefresh reads the refresh token and the client.
func (d PostmanRefresh) ReadRefresh(p *Params) (tokens.RefreshRequest, error) {
	unscoped := *p
	unscoped.values = maps.Clone(p.values)
	delete(unscoped.values, "scope")
	return d.OAuth2.ReadRefresh(&unscoped)
}

// Granted has the four members of FastAPI.
func (PostmanRefresh) Granted(p tokens.Pair) Answer { return FastAPI{}.Granted(p).NoCache() }
