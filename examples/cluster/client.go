package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// client is one session of a user, who is honest: whatever goes wrong for it
// went wrong for somebody.
type client struct {
	load *load
	user *account

	access, refresh string
}

// answer is what came back; none where the status is 502 or 0.
type answer struct {
	status  int
	access  string
	refresh string
}

func (a answer) unknown() bool { return a.status == 0 || a.status == http.StatusBadGateway }

// post sends a form. What breaks off is no error: the answer is unknown then.
func (c *client) post(ctx context.Context, path, bearer string, form url.Values) answer {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.load.base+path, strings.NewReader(form.Encode())) //nolint:gosec // to the proxy that this program has started
	if err != nil {
		return answer{}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := c.load.http.Do(r) //nolint:gosec // as above
	if err != nil {
		return answer{}
	}
	defer func() { _ = response.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		return answer{}
	}
	var pair struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	_ = json.Unmarshal(body.Bytes(), &pair) // a refusal has neither
	return answer{status: response.StatusCode, access: pair.Access, refresh: pair.Refresh}
}

// insist asks until it is known what the answer is: a node that was killed may
// have taken it along, and one that is busy says 503.
func (c *client) insist(ctx context.Context, path string, form url.Values) (answer, error) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for range 100 {
		a := c.post(ctx, path, "", form)
		switch {
		case a.status == http.StatusOK && a.access != "" && a.refresh != "":
			return a, nil
		case !a.unknown() && a.status != http.StatusServiceUnavailable:
			return a, fmt.Errorf("%s: %s was answered with %d", c.user.name, path, a.status)
		}
		select {
		case <-ctx.Done():
			return answer{}, ctx.Err()
		case <-again.C:
		}
	}
	return answer{}, errors.New(path + " had no answer for a hundred times")
}

// login opens the session.
func (c *client) login(ctx context.Context) error {
	a, err := c.insist(ctx, "/login", url.Values{"grant_type": {"password"}, "username": {c.user.name}, "password": {password}})
	if err == nil {
		c.access, c.refresh = a.access, a.refresh
	}
	return err
}

// rotate refreshes, as many times at once as a browser has tabs that race: all
// of them must get the same successor, from whichever node.
func (c *client) rotate(ctx context.Context, tabs int) error {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.refresh}}
	answers, errs := make([]answer, tabs), make([]error, tabs)
	done := make(chan struct{})
	for i := range tabs {
		go func() {
			answers[i], errs[i] = c.insist(ctx, "/refresh", form)
			done <- struct{}{}
		}()
	}
	for range tabs {
		<-done
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, a := range answers[1:] {
		if a.refresh != answers[0].refresh {
			return errors.New(c.user.name + ": one refresh token had two successors")
		}
	}
	if answers[0].refresh == c.refresh {
		return errors.New(c.user.name + ": a refresh token was its own successor")
	}
	c.access, c.refresh = answers[0].access, answers[0].refresh
	c.user.rotated.Add(1)
	return nil
}

// logout ends the session, and then tries its access token on every node.
func (c *client) logout(ctx context.Context, nodes int) error {
	if a := c.post(ctx, "/logout", "", url.Values{"refresh_token": {c.refresh}}); a.status != http.StatusNoContent {
		return fmt.Errorf("%s: a logout was answered with %d", c.user.name, a.status)
	}
	for range nodes { // there is no other client, so each node gets one call
		if a := c.post(ctx, "/orders", c.access, nil); a.status != http.StatusUnauthorized {
			return fmt.Errorf("%s: after the logout a call was answered with %d", c.user.name, a.status)
		}
	}
	return nil
}

// call places an order, and never twice.
func (c *client) call(ctx context.Context) error {
	a := c.post(ctx, "/orders", c.access, nil)
	switch {
	case a.status == http.StatusNoContent:
		c.user.admitted.Add(1)
	case a.status == http.StatusTooManyRequests:
		c.user.limited.Add(1)
	case a.unknown():
		c.user.cutOff.Add(1)
	default:
		return fmt.Errorf("%s: a call was answered with %d", c.user.name, a.status)
	}
	return nil
}
