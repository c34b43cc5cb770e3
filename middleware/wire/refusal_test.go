package wire_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

func TestFaultC11ARefusalOfTheHostsOwnIsToldInTheWordsOfEachWireFormat(t *testing.T) {
	t.Parallel()
	notVerified := fmt.Errorf("%w: %w", tokens.ErrRefused, &store.RefusalError{UserID: "u-7", Code: "user_not_verified", Description: "Confirm your e-mail address first."})
	locked := fmt.Errorf("%w: %w", tokens.ErrRefused, &store.RefusalError{Code: "account_locked", Description: "Das Konto ist \"gesperrt\" – bitte melden."})
	factor := fmt.Errorf("%w: %w", tokens.ErrSecondFactor, &store.SecondFactorError{UserID: "u-7", Methods: []string{"otp"}})
	for _, test := range []struct {
		name    string
		dialect wire.Dialect
		err     error
		status  int
		body    string
	}{
		{"OAuth 2.0", wire.OAuth2{}, notVerified, http.StatusBadRequest, `{"error":"invalid_grant","error_description":"Confirm your e-mail address first."}`},
		{"OAuth 2.0, in words that RFC 6749 does not allow", wire.OAuth2{}, locked, http.StatusBadRequest, `{"error":"invalid_grant","error_description":"The login is refused: account_locked"}`},
		{"OAuth 2.0, a second factor", wire.OAuth2{}, factor, http.StatusBadRequest, `{"error":"invalid_grant","error_description":"A second factor is required"}`},
		{"Lexik", wire.Lexik{}, notVerified, http.StatusUnauthorized, `{"code":401,"message":"Confirm your e-mail address first."}`},
		{"Lexik, in any words", wire.Lexik{}, locked, http.StatusUnauthorized, `{"code":401,"message":"Das Konto ist \"gesperrt\" – bitte melden."}`},
		{"Lexik, a second factor", wire.Lexik{}, factor, http.StatusUnauthorized, `{"code":401,"message":"A second factor is required."}`},
		{"FastAPI", wire.FastAPI{}, notVerified, http.StatusBadRequest, `{"detail":"LOGIN_USER_NOT_VERIFIED"}`},
		{"FastAPI, a second factor", wire.FastAPI{}, factor, http.StatusBadRequest, `{"detail":"LOGIN_SECOND_FACTOR_REQUIRED"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := test.dialect.Refused(wire.RouteLogin, "api", wire.AsError(test.err))
			if a.Status != test.status || string(a.Body) != test.body {
				t.Errorf("%d %s\nwant %d %s", a.Status, a.Body, test.status, test.body)
			}
		})
	}
}
