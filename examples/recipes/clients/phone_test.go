package main

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/examples/recipes/clients/phone"
	"github.com/sallyport-go/sallyport/store"
)

const day = 24 * time.Hour

// keystore is that of a device.
type keystore struct {
	text  string
	fails int // so many times
}

func (k *keystore) Load() (string, error) { return k.text, nil }

func (k *keystore) Save(text string) error {
	if k.fails > 0 {
		k.fails--
		return errors.New("the disk is full")
	}
	k.text = text
	return nil
}

// network is one that loses requests or answers.
type network struct {
	through http.RoundTripper
	loses   atomic.Int32 // so many answers
	status  atomic.Int32 // 0, or what a proxy answers instead of the API
	asked   atomic.Int32 // how often a token was refreshed
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/refresh" {
		return n.through.RoundTrip(r)
	}
	n.asked.Add(1)
	if status := n.status.Load(); status != 0 {
		return &http.Response{StatusCode: int(status), Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
	}
	answer, err := n.through.RoundTrip(r)
	if err == nil && n.loses.Add(-1) >= 0 {
		_ = answer.Body.Close()
		return nil, errors.New("the connection was lost")
	}
	return answer, err
}

// device is one that a user has logged in with.
type device struct {
	*phone.Session
	*network
	keys *keystore
}

func (d device) me(t *testing.T) error {
	t.Helper()
	return d.get(t, "/me")
}

func (d device) get(t *testing.T, path string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.API+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := d.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// restarted is the device with the app started again: it has what is in the keystore.
func (d device) restarted() device {
	d.Session = &phone.Session{API: d.API, Client: d.Client, Keys: d.keys, Label: d.Label}
	return d
}

// onPhones runs a test in a bubble, with an API and a way to log devices in.
func onPhones(t *testing.T, test func(t *testing.T, h *hosttest.Host, login func(label string) device)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		users := hosttest.Users(t, time.Now, password, store.User{ID: "u-1", Login: "ada", Tier: "free"})
		for _, c := range registered() {
			if err := users.SetClient(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		api, err := newAPI(config{origin: "https://api.example.net", users: users, log: slog.New(slog.DiscardHandler), now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		h := hosttest.Pipe(t, api, nil)
		test(t, h, func(label string) device {
			n, k := &network{through: h.Client().Transport}, &keystore{}
			d := device{&phone.Session{API: h.URL(""), Client: &http.Client{Transport: n}, Keys: k, Label: label}, n, k}
			if err := d.Login(t.Context(), "ada", password); err != nil {
				t.Fatal(err)
			}
			return d
		})
	})
}

func TestAPhone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		meanwhile func(*testing.T, *device)
		want      error // of the next request
		asks      int32 // for new tokens; 0: any number
	}{
		"has a session":                                       {func(*testing.T, *device) {}, nil, 0},
		"stays logged in when its token expires":              {func(*testing.T, *device) { time.Sleep(day) }, nil, 1},
		"stays logged in when it is started again":            {func(_ *testing.T, d *device) { *d = d.restarted() }, nil, 1},
		"stays logged in when it was offline for 59 days":     {func(*testing.T, *device) { time.Sleep(59 * day) }, nil, 1},
		"is logged out when it was offline for 61 days":       {func(*testing.T, *device) { time.Sleep(61 * day) }, phone.ErrLoggedOut, 1},
		"stays logged in when two answers are lost":           {func(_ *testing.T, d *device) { time.Sleep(day); d.loses.Store(2) }, nil, 3},
		"stays logged in while the API is down":               {func(_ *testing.T, d *device) { time.Sleep(day); d.status.Store(http.StatusServiceUnavailable) }, phone.ErrLater, 0},
		"stays logged in while it is limited":                 {func(_ *testing.T, d *device) { time.Sleep(day); d.status.Store(http.StatusTooManyRequests) }, phone.ErrLater, 0},
		"stays logged in while a proxy asks for a password":   {func(_ *testing.T, d *device) { time.Sleep(day); d.status.Store(http.StatusUnauthorized) }, phone.ErrLater, 0},
		"stays logged in while a hotel answers for the API":   {func(_ *testing.T, d *device) { time.Sleep(day); d.status.Store(http.StatusOK) }, phone.ErrLater, 0},
		"stays logged in when the keystore fails once":        {func(_ *testing.T, d *device) { time.Sleep(day); d.keys.fails = 1 }, nil, 2},
		"is logged out when the user logs out on this device": {func(t *testing.T, d *device) { logout(t, d) }, phone.ErrLoggedOut, 0},
		"is logged out when a copy of its token is used": {func(t *testing.T, d *device) {
			copied := d.keys.text
			time.Sleep(day)
			if err := d.me(t); err != nil {
				t.Fatal(err)
			}
			time.Sleep(day)
			other := device{Session: &phone.Session{API: d.API, Client: d.Client, Keys: &keystore{text: copied}}}
			if err := other.me(t); !errors.Is(err, phone.ErrLoggedOut) {
				t.Errorf("the copy: %v", err)
			}
		}, phone.ErrLoggedOut, 0},
		"is logged out when it was ended between an answer and the keystore, and started again later": {func(t *testing.T, d *device) {
			time.Sleep(day)
			d.keys.fails = 9
			if err := d.me(t); !errors.Is(err, phone.ErrLater) {
				t.Fatal(err)
			}
			d.keys.fails = 0
			time.Sleep(6 * time.Minute)
			*d = d.restarted()
		}, phone.ErrLoggedOut, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onPhones(t, func(t *testing.T, _ *hosttest.Host, login func(string) device) {
				d := login("Ada's phone")
				test.meanwhile(t, &d)
				err := d.me(t)
				if !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
				if n := d.asked.Load(); test.asks != 0 && n != test.asks {
					t.Errorf("it has asked for new tokens %d times, want %d", n, test.asks)
				}
				if loggedOut := errors.Is(err, phone.ErrLoggedOut); loggedOut != (d.keys.text == "") {
					t.Errorf("the keystore has %q", d.keys.text)
				}
				d.status.Store(0)
				if err := d.me(t); errors.Is(test.want, phone.ErrLater) && err != nil {
					t.Errorf("later: %v", err)
				}
			})
		})
	}
}

func logout(t *testing.T, d *device) {
	t.Helper()
	if err := d.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestManyRequestsRefreshOnce(t *testing.T) {
	t.Parallel()
	onPhones(t, func(t *testing.T, _ *hosttest.Host, login func(string) device) {
		d := login("Ada's phone")
		time.Sleep(day)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if err := d.me(t); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := d.asked.Load(); n != 1 {
			t.Errorf("tokens were refreshed %d times", n)
		}
	})
}

func TestALostPhoneIsLoggedOutFromAnotherDevice(t *testing.T) {
	t.Parallel()
	onPhones(t, func(t *testing.T, h *hosttest.Host, login func(string) device) {
		lost, other := login("Ada's phone"), login("Ada's tablet")
		access := h.Post(t, "/refresh", "client_id", "phone", "refresh_token", other.keys.text).Pair(t)
		other.keys.text = access.Refresh
		var list struct {
			Sessions []struct{ ID, Label, Client_ID string } //nolint:revive,staticcheck // the names of the JSON
		}
		if err := json.Unmarshal([]byte(h.Get(t, "/sessions", access.Access).Body), &list); err != nil {
			t.Fatal(err)
		}
		ended := 0
		for _, s := range list.Sessions {
			if s.Label == "Ada's phone" && s.Client_ID == "phone" {
				h.Do(t, hosttest.Request{Method: http.MethodDelete, Path: "/sessions/" + s.ID, Bearer: access.Access}).Is(t, http.StatusNoContent, "")
				ended++
			}
		}
		if ended != 1 {
			t.Fatalf("the list is %+v", list)
		}
		if err := lost.me(t); !errors.Is(err, phone.ErrLoggedOut) || lost.keys.text != "" {
			t.Errorf("the lost phone: %v, and %q in its keystore", err, lost.keys.text)
		}
		if err := other.me(t); err != nil {
			t.Errorf("the other device: %v", err)
		}
	})
}

// The client_id is no secret, and binds the session all the same: a token that a page has
// leaked is of no use as that of the app.
func TestATokenOfAnotherClientIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	onPhones(t, func(t *testing.T, h *hosttest.Host, login func(string) device) {
		d := login("Ada's phone")
		h.Post(t, "/refresh", "client_id", "web", "refresh_token", d.keys.text).Is(t, http.StatusBadRequest, "invalid_grant")
		if answer := h.Post(t, "/login", "client_id", "other", "username", "ada", "password", password); answer.Status != http.StatusUnauthorized && answer.Status != http.StatusBadRequest || strings.Contains(answer.Body, "access_token") {
			t.Errorf("an unknown client: %d %s", answer.Status, answer.Body)
		}
		time.Sleep(day)
		if err := d.me(t); err != nil {
			t.Error(err)
		}
	})
}
