// Package phone is the login of a mobile app, in Go: for an app that is written in another
// language it is what to do, and in which order.
package phone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Keystore keeps one secret on the device: Keychain, or a file that is encrypted with a key
// of Android's Keystore. Leave it out of backups.
type Keystore interface {
	Load() (string, error)  // "" if there is none
	Save(text string) error // "" removes it; it is on the disk when Save returns nil
}

var (
	// ErrLoggedOut means that the user has to log in again.
	ErrLoggedOut = errors.New("phone: logged out")

	// ErrLater means that the API cannot be reached, or does not answer now. The user is
	// still logged in.
	ErrLater = errors.New("phone: try again later")
)

// Session is a login: the refresh token in the keystore, and the access token in memory.
type Session struct {
	API    string
	Client *http.Client // with a Timeout
	Keys   Keystore
	Label  string // of the device, as its user sees it in the list of their sessions

	mu     sync.Mutex // held while a token is refreshed, so that one of all calls does it
	access string
}

// Login logs the user in. It returns ErrLoggedOut for a wrong password, or ErrLater.
func (s *Session) Login(ctx context.Context, login, password string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ask(ctx, "/login", url.Values{"client_id": {"phone"}, "username": {login}, "password": {password}})
}

// Do sends a request, and once more with a new token if the token was refused. A body
// must be one that http.NewRequest knows how to repeat.
func (s *Session) Do(r *http.Request) (*http.Response, error) {
	access, err := s.token(r.Context(), "")
	if err != nil {
		return nil, err
	}
	answer, err := s.send(r, access)
	if err != nil || answer.StatusCode != http.StatusUnauthorized {
		return answer, err
	}
	_ = answer.Body.Close()
	if access, err = s.token(r.Context(), access); err != nil {
		return nil, err
	}
	return s.send(r, access)
}

func (s *Session) send(r *http.Request, access string) (*http.Response, error) {
	again := r.Clone(r.Context())
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		again.Body = body
	}
	again.Header.Set("Authorization", "Bearer "+access)
	return s.Client.Do(again) //nolint:gosec // the app makes the request
}

// token returns an access token that is not the one that was refused. It asks no clock:
// that of the device may be wrong.
func (s *Session) token(ctx context.Context, refused string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.access != "" && s.access != refused {
		return s.access, nil // another call was first
	}
	refresh, err := s.Keys.Load()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrLater, err)
	}
	if refresh == "" {
		return "", ErrLoggedOut
	}
	form := url.Values{"client_id": {"phone"}, "refresh_token": {refresh}}
	err = s.ask(ctx, "/refresh", form)
	// An answer that was lost may have used the token up. The same token gets the same
	// answer for as long as the Grace of the client, so ask again now, and not tomorrow.
	for wait := time.Second; errors.Is(err, ErrLater) && wait < time.Minute; wait *= 4 {
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(wait):
			err = s.ask(ctx, "/refresh", form)
		}
	}
	if errors.Is(err, ErrLoggedOut) {
		err = errors.Join(err, s.Keys.Save(""))
	}
	return s.access, err
}

// ask gets tokens, and keeps them.
func (s *Session) ask(ctx context.Context, path string, form url.Values) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.API+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", s.Label)
	answer, err := s.Client.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLater, err)
	}
	defer func() { _ = answer.Body.Close() }()
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Error   string `json:"error"`
	}
	err = json.NewDecoder(io.LimitReader(answer.Body, 1<<16)).Decode(&got)
	switch {
	case err == nil && answer.StatusCode == http.StatusBadRequest && got.Error == "invalid_grant":
		s.access = ""
		return ErrLoggedOut
	case err != nil, answer.StatusCode != http.StatusOK, got.Access == "", got.Refresh == "":
		// 429, 503, and what the network of a hotel answers: none of it ends a session.
		return fmt.Errorf("%w: %s", ErrLater, answer.Status)
	}
	// Before it is used: an app may be ended at any moment.
	if err := s.Keys.Save(got.Refresh); err != nil {
		return fmt.Errorf("%w: %w", ErrLater, err)
	}
	s.access = got.Access
	return nil
}

// Logout ends the session. The device forgets it even if the API cannot be reached.
func (s *Session) Logout(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	refresh, err := s.Keys.Load()
	s.access = ""
	if err := errors.Join(err, s.Keys.Save("")); err != nil || refresh == "" {
		return err
	}
	form := url.Values{"client_id": {"phone"}, "refresh_token": {refresh}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.API+"/logout", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := s.Client.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLater, err)
	}
	return answer.Body.Close()
}
