package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/sallyport-go/sallyport/store/passwords"
)

// loginRounds is how often all users log in: a round takes seconds.
const loginRounds = 3

// printLogins prints how fast users at as many addresses log in who all begin at
// once. Those who are refused come back when Retry-After says.
func (m measure) printLogins() error {
	if m.logins == 0 {
		return nil
	}
	s, err := newSigner("HS256")
	if err != nil {
		return err
	}
	hasher, err := passwords.New(passwords.Config{})
	if err != nil {
		return err
	}
	h, err := newHost(m.ctx, s, hasher, m.logins)
	if err != nil {
		return err
	}
	ways := []struct {
		name  string
		login func(user int) error
	}{
		{"argon2id without a bound, and a JWT", func(user int) error {
			salt := make([]byte, 16)
			_, _ = rand.Read(salt)
			argon2.IDKey([]byte(password), salt, 2, 19456, 1, 32)
			_, err := s.draft(user).SignedString(s.sign)
			return err
		}},
		{"**Sallyport**", h.login},
	}
	rate := make([][]float64, len(ways))
	for range min(loginRounds, m.rounds) {
		for i, w := range ways {
			debug.FreeOSMemory() // that of the other way
			began := time.Now()
			failures := make([]error, m.logins)
			var wait sync.WaitGroup
			for user := range m.logins {
				wait.Go(func() { failures[user] = w.login(user) })
			}
			wait.Wait()
			for _, err := range failures {
				if err != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
			}
			rate[i] = append(rate[i], float64(m.logins)/time.Since(began).Seconds())
		}
	}
	fmt.Fprintf(m.out, "\n| %d users at %d addresses log in at once | logins a second | × without a bound |\n|---|--:|--:|\n", m.logins, m.logins)
	for i, w := range ways {
		fmt.Fprintf(m.out, "| %s | %.0f | %s |\n", w.name, median(rate[i]), ratio(rate[i], rate[0]))
	}
	return nil
}

// login logs a user in. While it is told to come again it does.
func (h host) login(user int) error {
	form := fmt.Sprintf("username=user-%d&password=%s", user, strings.ReplaceAll(password, " ", "+"))
	for {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form)) //nolint:noctx // nothing ends these requests
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.1:4711", user/256, user%256)
		w := httptest.NewRecorder()
		h.auth.Login(w, r)
		if w.Code == http.StatusOK {
			return nil
		}
		seconds, err := strconv.Atoi(w.Header().Get("Retry-After"))
		if err != nil {
			return fmt.Errorf("a login: status %d", w.Code)
		}
		<-time.After(time.Duration(seconds) * time.Second)
	}
}
