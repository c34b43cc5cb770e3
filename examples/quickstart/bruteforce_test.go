package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// caller is a client with an address of its own: 127.0.0.0/8 is all loopback.
func caller(t *testing.T, address string) *http.Client {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	probe, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address+":0")
	if err != nil {
		skip.Skip(t, fmt.Sprintf("%s is no address of this machine: %v", address, err)) // macOS has 127.0.0.1 only
	}
	_ = probe.Close()
	transport := &http.Transport{DialContext: dialer.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// try logs alice in, or tries to.
func (s served) try(ctx context.Context, client *http.Client, password string) (int, http.Header, error) {
	form := url.Values{"_username": {"alice"}, "_password": {password}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/api/login_check", strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	return response.StatusCode, response.Header, response.Body.Close()
}

func TestMostOfFourHundredPasswordsFromFiftyAddressesAreNotChecked(t *testing.T) {
	t.Parallel()
	home := caller(t, "127.0.0.200")
	attackers := make([]*http.Client, 50)
	for i := range attackers {
		attackers[i] = caller(t, fmt.Sprint("127.0.0.", 10+i))
	}
	s := serve(t)
	if status, _, err := s.try(t.Context(), home, demoPassword); err != nil || status != http.StatusOK {
		t.Fatalf("alice cannot log in: %d, %v", status, err)
	}
	var tried, refused atomic.Int64
	var all sync.WaitGroup
	for _, attacker := range attackers {
		all.Go(func() {
			for i := range 8 {
				switch status, header, err := s.try(t.Context(), attacker, fmt.Sprint("wrong ", i)); {
				case err != nil:
					t.Error(err)
				case status == http.StatusUnauthorized:
					tried.Add(1)
				case status == http.StatusTooManyRequests && header.Get("Retry-After") != "", status == http.StatusServiceUnavailable:
					refused.Add(1)
				default:
					t.Errorf("status = %d", status)
				}
			}
		})
	}
	all.Wait()
	if tried.Load() < 1 || tried.Load() > 100 || tried.Load()+refused.Load() != 400 {
		t.Errorf("of 400 failed attempts %d were checked and %d rejected", tried.Load(), refused.Load())
	}
	if status, _, err := s.try(t.Context(), home, demoPassword); err != nil || status != http.StatusOK {
		t.Errorf("alice cannot log in from home any more: %d, %v", status, err)
	}
	// on a busy machine few of the passwords were checked
	for status := 0; status != http.StatusTooManyRequests; {
		var err error
		if status, _, err = s.try(t.Context(), attackers[0], "wrong once more"); err != nil || status == http.StatusOK {
			t.Fatalf("%d, %v", status, err)
		}
	}
	if status, _, err := s.try(t.Context(), attackers[0], demoPassword); err != nil || status != http.StatusTooManyRequests {
		t.Errorf("an attacker with the right password is told so: %d, %v", status, err)
	}
}
