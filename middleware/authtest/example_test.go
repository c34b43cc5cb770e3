package authtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/sallyport-go/sallyport/middleware/authtest"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// t stands for the *testing.T of a test: any test framework has the three methods.
var t printing

type printing struct{}

func (printing) Helper()                           {}
func (printing) Errorf(format string, args ...any) { fmt.Println(fmt.Sprintf(format, args...)) } //nolint:forbidigo // as a test prints
func (printing) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func Example() {
	f := authtest.New(t)
	app := routes(f.Auth) // the host's own handlers
	for _, user := range []authtest.User{{ID: "ada", Scopes: []string{"reports:write"}}, {ID: "bob"}} {
		w := httptest.NewRecorder()
		app.ServeHTTP(w, f.As(t, httptest.NewRequest(http.MethodPost, "/reports", http.NoBody), user))
		fmt.Println(user.ID, w.Code)
	}
	// Output:
	// ada 200
	// bob 403
}

// The configuration is the host's own where it matters to the test.
func ExampleNew() {
	f := authtest.New(t, func(c *authtest.Config) {
		c.Auth.Dialect = wire.FastAPI{}
		c.Tokens.Revocations = c.Store // a session that has ended is refused at once
	})
	token := f.Token(t, authtest.User{ID: "ada"})
	if err := f.Tokens.LogoutEverywhere(context.Background(), "ada"); err != nil {
		fmt.Println(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/reports", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	routes(f.Auth).ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output: 401 {"detail":"Unauthorized"}
}

// A difference is one line of the test's output.
func ExampleWantRefusal() {
	f := authtest.New(t)
	w := httptest.NewRecorder()
	routes(f.Auth).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/reports", http.NoBody))
	authtest.WantRefusal(t, w.Result(), authtest.Refusal{Status: http.StatusForbidden, Challenge: `Bearer realm="api"`})
	// Output: status = 401, want 403
}
