package main

import (
	"fmt"
	"io"

	"github.com/sallyport-go/sallyport/store"
)

// demoPassword has what people get wrong: a space and an ampersand.
const demoPassword = "correct horse & battery"

// demoVersion is the CredentialVersion of users whose password never changes.
const demoVersion = "demo"

var demoUsers = []store.User{
	{ID: "u-alice", Login: "alice", Account: "a-alice", Tier: "free", Seats: 1, Scopes: []string{"read"}},
	{ID: "u-bob", Login: "bob", Account: "a-bob", Tier: "free", Seats: 3, Scopes: []string{"read", "write"}},
	{ID: "u-carol", Login: "carol", Account: "a-carol", Tier: "premium", Seats: 2, Scopes: []string{"read", "write"}},
}

// introduce prints who may come in, and how.
func (h *host) introduce(w io.Writer, base string) {
	_, _ = fmt.Fprintf(w, "Sallyport's quick start is at %s (Ctrl-C stops it).\n\n", base)
	for _, u := range demoUsers {
		_, _ = fmt.Fprintf(w, "user     %-6s %s, %d seat(s)\n", u.Login, u.Tier, u.Seats)
	}
	_, _ = fmt.Fprintf(w, `password %[2]s
api key  of alice: %[3]s
client   demo-api, which may introspect; its secret: %[4]s

A user logs in and calls the API:

  curl -s --data-urlencode _username=alice --data-urlencode '_password=%[2]s' %[1]s/api/login_check
  curl -s -H "Authorization: Bearer $TOKEN" %[1]s/api/1.0/open/me

A script exchanges its API key:

  curl -s -d refresh_token=%[3]s %[1]s/api/login_refresh

A client of a FastAPI application logs in, and refreshes once with each refresh token:

  curl -s -d grant_type=password -d username=bob --data-urlencode 'password=%[2]s' %[1]s/auth/jwt/login
  curl -s -X POST -H "refresh-token: $REFRESH" %[1]s/auth/jwt/refresh

Bob sees where he is logged in, ends a session, and makes an API key:

  curl -s -H "Authorization: Bearer $TOKEN" %[1]s/auth/sessions
  curl -s -X DELETE -H "Authorization: Bearer $TOKEN" %[1]s/auth/sessions/$ID
  curl -s -H "Authorization: Bearer $TOKEN" --json '{"label":"CI","expires_in":86400}' %[1]s/auth/api-keys

Another API asks what a token is good for, and a client ends it:

  curl -s -u demo-api:%[4]s -d token=$TOKEN %[1]s/oauth/introspect
  curl -si -d token=$REFRESH %[1]s/oauth/revoke

Anybody may search, 100 times an hour:

  curl -si '%[1]s/api/1.0/open/search?q=log4j'

`, base, demoPassword, string(h.apiKey), string(h.apiSecret))
}
