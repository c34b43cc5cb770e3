package openapi

import (
	"maps"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

func (s *spec) login() {
	s.reads(s.about.Login, s.about.Dialect.Accepts())
	s.may(wire.ReasonCredentials, wire.ReasonRefused, wire.ReasonFactor, wire.ReasonInternal)
	s.attempts()
	s.cookies()
	s.grants(!s.about.AccessOnly, s.about.AccessOnly || s.about.RegistersClients)
}

func (s *spec) completeLogin() {
	s.reads(s.about.CompleteLogin, s.about.Dialect.Accepts())
	s.may(wire.ReasonStep, wire.ReasonWrongFactor, wire.ReasonInternal)
	s.attempts()
	s.cookies()
	s.grants(!s.about.AccessOnly, s.about.AccessOnly || s.about.RegistersClients)
}

func (s *spec) renew() {
	accepts := s.about.Dialect.Accepts()
	s.reads(s.about.Refresh, accepts)
	s.may(wire.ReasonNoRefresh, wire.ReasonRefresh, wire.ReasonEnded, wire.ReasonInternal)
	keys := accepts.APIKeys && s.about.ExchangesKeys
	if keys {
		s.may(wire.ReasonKey)
	}
	s.attempts()
	s.cookies()
	s.grants(true, keys)
}

func (s *spec) logout() {
	s.reads(s.about.Logout, s.about.Dialect.Accepts())
	s.reasons = slices.DeleteFunc(s.reasons, func(r wire.Reason) bool { return r == wire.ReasonClientGrant })
	if len(s.needed) == 0 || s.about.RefreshCookie != "" {
		s.mayBearer(optional)
	} else {
		s.may(wire.ReasonNoRefresh)
	}
	s.attempts()
	s.cookies()
	s.answers = []wire.Answer{s.route.Auth.LoggedOut(true), s.route.Auth.LoggedOut(false)}
}

func (s *spec) logoutEverywhere() {
	s.reads(wire.Reading{}, wire.Accepts{Unknown: true})
	s.body = nil
	s.account()
	s.cookies()
	s.answers = []wire.Answer{s.route.Auth.LoggedOut(true)}
}

func (s *spec) token() {
	s.writer = s.writer.WithoutCookies()
	var all []any
	for _, name := range slices.Sorted(maps.Keys(s.about.Grants)) {
		reading := s.about.Grants[name]
		s.reads(reading, wire.Accepts{})
		one := bodySchema(reading)
		properties(one)["grant_type"] = object{"const": name, "description": describe("grant_type"), "type": "string"}
		one["required"] = append([]string{"grant_type"}, requiredOf(one)...)
		all = append(all, one)
		switch name {
		case tokens.GrantRefresh:
			s.may(wire.ReasonNoRefresh, wire.ReasonRefresh, wire.ReasonEnded)
			s.answers = append(s.answers, s.writer.Granted(pair(true, false)), s.writer.Granted(pair(true, true)))
		case tokens.GrantPassword:
			s.may(wire.ReasonCredentials, wire.ReasonRefused, wire.ReasonFactor)
			s.answers = append(s.answers, s.writer.Granted(pair(!s.about.RegistersClients, true)))
		case tokens.GrantExchange:
			s.may(wire.ReasonKey, wire.ReasonTarget)
			exchanged := pair(false, false)
			exchanged.Exchanged = true
			s.answers = append(s.answers, s.writer.Granted(exchanged))
		}
	}
	s.body = content(wire.Accepts{}, object{"oneOf": all}, true)
	if len(all) == 1 {
		s.body = content(wire.Accepts{}, all[0].(object), true) //nolint:forcetypeassert // it was made above
	}
	s.needed = []string{"grant_type"}
	s.may(wire.ReasonMissing, wire.ReasonGrantType, wire.ReasonInternal)
	s.attempts()
}

func (s *spec) revoke() {
	s.reads(s.about.Revoke, wire.Accepts{})
	s.reasons = slices.DeleteFunc(s.reasons, func(r wire.Reason) bool { return r == wire.ReasonClientGrant })
	s.may(wire.ReasonTokenType)
	s.attempts()
	s.answers = []wire.Answer{s.route.Auth.Revoked(false)}
	if s.about.AccessCookie != "" {
		s.answers = append(s.answers, s.route.Auth.Revoked(true))
	}
}

func (s *spec) introspect() {
	s.reads(s.about.Introspect, wire.Accepts{})
	s.attempts()
	at := time.Unix(sampleTime, 0)
	whole := tokens.Introspection{
		Active: true, Subject: "user-1", ClientID: "client-1", Scope: "read", SessionID: "session-1", IssuedAt: at, ExpiresAt: at.Add(time.Hour),
		Principal: tokens.Principal{
			Subject: "user-1", Account: "account-1", Tier: "free", Seats: 1, TokenID: "token-1",
			AuthenticatedAt: at, ContextClass: "1", Actor: "staff-1",
		},
	}
	few := tokens.Introspection{Active: true, Refresh: true, Subject: "user-1", IssuedAt: at, ExpiresAt: at.Add(time.Hour)}
	s.answers = []wire.Answer{s.route.Auth.Introspected(whole), s.route.Auth.Introspected(few), s.route.Auth.Introspected(tokens.Introspection{})}
}

// grants describes the answers with tokens.
func (s *spec) grants(refreshable, bare bool) {
	if refreshable {
		s.answers = append(s.answers, s.route.Auth.Granted(pair(true, false)), s.route.Auth.Granted(pair(true, true)))
	}
	if bare {
		one := pair(false, false)
		one.Exchanged = s.route.Operation == Refresh
		s.answers = append(s.answers, s.route.Auth.Granted(one))
	}
}
