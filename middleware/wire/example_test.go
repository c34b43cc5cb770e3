package wire_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// camelCase is the wire format of a host whose clients send a login as JSON, and read
// camelCase. All else is as in OAuth2. It goes into Config.Dialect of package
// middleware.
type camelCase struct{ wire.OAuth2 }

func (camelCase) Accepts() wire.Accepts { return wire.Accepts{JSON: true} }

func (camelCase) ReadLogin(p *wire.Params) (tokens.LoginRequest, error) {
	for _, name := range []string{"email", "password"} {
		if p.Get(name) == "" {
			return tokens.LoginRequest{}, wire.Missing(name)
		}
	}
	return tokens.LoginRequest{Login: p.Get("email"), Password: tokens.Secret(p.Get("password"))}, nil
}

func (camelCase) Granted(p tokens.Pair) wire.Answer {
	return wire.JSON(http.StatusOK, struct {
		AccessToken  string `json:"accessToken"`
		RefreshToken string `json:"refreshToken"`
	}{string(p.AccessToken), string(p.RefreshToken)})
}

// A host with a wire format of its own embeds one that is similar.
func ExampleDialect() {
	var dialect wire.Dialect = camelCase{}
	for _, body := range []string{`{"email": "ada@example.com", "password": "correct horse"}`, `{"email": "ada@example.com"}`} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/login", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		params, err := wire.Read(r, dialect.Accepts(), wire.Limits{MaxBody: 1 << 10})
		if err != nil {
			panic(err)
		}
		login, err := dialect.ReadLogin(params)
		if err != nil {
			w := httptest.NewRecorder()
			dialect.Refused(wire.RouteLogin, "api", wire.AsError(err)).Write(w)
			fmt.Println(w.Code, w.Body)
			continue
		}
		fmt.Println(login.Login)
	}
	granted := dialect.Granted(tokens.Pair{AccessToken: "a", RefreshToken: "r"})
	fmt.Println(granted.Status, string(granted.Body))
	// Output:
	// ada@example.com
	// 400 {"error":"invalid_request","error_description":"The parameter password is missing"}
	// 200 {"accessToken":"a","refreshToken":"r"}
}

// AsError says what an error of package tokens is for a client: its reason, its status,
// and a sentence that contains no cause.
func ExampleAsError() {
	for _, err := range []error{tokens.ErrBadCredentials, tokens.ErrReused, tokens.ErrUnavailable, fmt.Errorf("a defect")} {
		e := wire.AsError(err)
		fmt.Println(e.Reason, e.Status, e.Description)
	}
	// Output:
	// credentials 400 Invalid user name or password
	// ended 400 The refresh token is invalid, expired or revoked
	// unavailable 503 Try again later
	// internal 500 Something is wrong here
}
