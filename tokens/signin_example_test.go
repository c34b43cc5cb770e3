package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
)

// The callback of single sign-on has found out who the user is, when they were
// authenticated there, and how.
func ExampleAuthority_SignIn() {
	ctx := context.Background()
	authority := must(tokens.New(configured(users())))
	var idToken struct { // as the host's OpenID library has verified it
		UserID   string
		AuthTime time.Time
		AMR      []string
	}
	idToken.UserID, idToken.AuthTime, idToken.AMR = "u1", time.Now().Add(-time.Minute), []string{"pwd", "otp", "mfa"}

	pair, err := authority.SignIn(ctx, tokens.SignInRequest{
		UserID:          idToken.UserID,
		AuthenticatedAt: idToken.AuthTime,
		Methods:         idToken.AMR,
		Label:           "Firefox on Linux",
	})
	fmt.Println(err, pair.Principal.Subject, pair.Principal.Methods(), pair.RefreshToken != "")
	// Output:
	// <nil> u1 [pwd otp mfa] true
}

// Support staff acts for a customer. The host decides who may. The customer sees it
// among their sessions, and can end it.
func ExampleAuthority_SignIn_actor() {
	ctx := context.Background()
	authority := must(tokens.New(configured(users())))
	pair := must(authority.SignIn(ctx, tokens.SignInRequest{
		UserID: "u1",
		Actor:  "staff-7", Reason: "Support, ticket 4711", Until: time.Now().Add(15 * time.Minute),
	}))
	fmt.Println(pair.Principal.Subject, "by", pair.Principal.Actor, "refresh token:", pair.RefreshToken != "")

	page, _, err := authority.Sessions(ctx, "u1", tokens.Page{})
	for _, s := range page {
		fmt.Println(s.Label, "by", s.Actor)
		fmt.Println(authority.EndSession(ctx, "u1", s.ID))
	}
	fmt.Println(err)
	// Output:
	// u1 by staff-7 refresh token: false
	// Support, ticket 4711 by staff-7
	// true <nil>
	// <nil>
}

// withCodes is a host's store: each of its users has a second factor.
type withCodes struct{ *memstore.Store }

// Authenticate asks for a second factor once the password is right.
func (s withCodes) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := s.Store.Authenticate(ctx, login, password)
	if err != nil {
		return store.User{}, err
	}
	return store.User{}, &store.SecondFactorError{
		UserID: u.ID, CredentialVersion: u.CredentialVersion, Methods: []string{"otp"},
	}
}

// A login with a second factor has two steps. The step token leads from one to the
// other, and works once.
func ExampleAuthority_CompleteLogin() {
	ctx := context.Background()
	users := users()
	config := configured(users)
	config.Store = withCodes{users}
	config.SecondFactor = func(_ context.Context, userID, _, code string) ([]string, error) {
		if userID != "u1" || code != "123456" { // a real host checks a TOTP, and accepts it once
			return nil, store.ErrBadCredentials
		}
		return []string{"otp"}, nil
	}
	authority := must(tokens.New(config))

	_, err := authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery"})
	step, ok := errors.AsType[*tokens.StepError](err)
	fmt.Println(ok, step.Methods, step.ExpiresIn)

	_, err = authority.CompleteLogin(ctx, tokens.StepRequest{Token: step.Token, Code: "000000"})
	fmt.Println(errors.Is(err, tokens.ErrWrongFactor))
	pair, err := authority.CompleteLogin(ctx, tokens.StepRequest{Token: step.Token, Code: "123456"})
	fmt.Println(pair.Principal.Methods(), err)
	_, err = authority.CompleteLogin(ctx, tokens.StepRequest{Token: step.Token, Code: "123456"})
	fmt.Println(errors.Is(err, tokens.ErrInvalidStep))
	// Output:
	// true [otp] 5m0s
	// true
	// [pwd otp mfa] <nil>
	// true
}
