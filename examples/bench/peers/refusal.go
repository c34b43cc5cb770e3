package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/sallyport-go/sallyport/middleware/echov4"
)

// verifies asks a route about a token.
func verifies(h http.Handler) func(token string) error {
	return func(token string) error {
		w, send := repeat(h, withToken(token))
		send()
		if w.status >= 400 {
			return fmt.Errorf("status %d", w.status)
		}
		return nil
	}
}

// printChecks prints what each accepts and refuses.
func (m measure) printChecks() error {
	s, err := newSigner("HS256")
	if err != nil {
		return err
	}
	all := s.attempts()
	fmt.Fprint(m.out, "\n| accepts |")
	for _, a := range all {
		fmt.Fprintf(m.out, " %s |", a.name)
	}
	fmt.Fprintf(m.out, "\n|---|%s\n", strings.Repeat(":-:|", len(all)))
	row := func(name string, verify func(string) error) {
		fmt.Fprintf(m.out, "| %s |", name)
		for _, a := range all {
			answer := "no"
			if verify(a.token) == nil {
				answer = "yes"
			}
			if (answer == "yes") != a.good {
				answer = "**" + answer + "**"
			}
			fmt.Fprintf(m.out, " %s |", answer)
		}
		fmt.Fprintln(m.out)
	}
	for _, v := range verifiers() {
		verify, err := v.open(m.ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		row(v.name, verify)
	}
	return opened(s, func(name string, h http.Handler) error {
		row(name, verifies(h))
		return nil
	})
}

// printRefusals prints what a 401 costs.
func (m measure) printRefusals() error {
	s, err := newSigner("ES256")
	if err != nil {
		return err
	}
	var groups []group
	for _, test := range []struct{ name, header string }{
		{"a wrong signature, ES256", "Bearer " + forged(s.token(1, nil))},
		{"8000 dots", "Bearer " + strings.Repeat(".", 8000)},
		{"no header", ""},
	} {
		g := group{name: test.name, bases: []int{0}}
		add := func(name string, h http.Handler) error {
			r := request()
			if test.header != "" {
				r.Header.Set("Authorization", test.header)
			}
			w, send := repeat(h, r)
			if w.status != http.StatusUnauthorized && w.status != http.StatusBadRequest {
				return fmt.Errorf("%s: status %d", test.name, w.status)
			}
			g.subjects = append(g.subjects, subject{name, send})
			return nil
		}
		if err := opened(s, add); err != nil {
			return err
		}
		a, err := s.auth(noCache, unlimited)
		if err != nil {
			return err
		}
		if err := add("**Sallyport**, Echo, its ErrorHandler", withErrorHandler(echov4.New(a).Bearer)); err != nil {
			return err
		}
		groups = append(groups, g)
	}
	return m.printGroups("a request that is refused", []string{"echo-jwt"}, groups...)
}
