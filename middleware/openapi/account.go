package openapi

import (
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

func (s *spec) sessions() {
	s.account()
	s.page()
	at := time.Unix(sampleTime, 0).UTC()
	one := tokens.OpenSession{
		ID: "session-1", ClientID: "client-1", Scopes: []string{"read"}, Label: "Firefox", Actor: "staff-1",
		CreatedAt: at, LastUsedAt: at, ExpiresAt: at.Add(time.Hour),
	}
	few := tokens.OpenSession{ID: "session-2", CreatedAt: at, LastUsedAt: at, ExpiresAt: at.Add(time.Hour)}
	s.answers = []wire.Answer{
		s.route.Auth.SessionsListed(middleware.SessionList{Sessions: []tokens.OpenSession{one, few}, Next: "next-page", Current: "session-1"}),
		s.route.Auth.SessionsListed(middleware.SessionList{}),
	}
}

func (s *spec) endSession() {
	s.account()
	s.named()
	s.may(wire.ReasonNotFound)
	s.answers = []wire.Answer{s.route.Auth.SessionEnded(false)}
	if s.about.AccessCookie != "" {
		s.answers = append(s.answers, s.route.Auth.SessionEnded(true))
	}
}

func (s *spec) endOtherSessions() {
	s.account()
	s.may(wire.ReasonNoSession)
	s.answers = []wire.Answer{s.route.Auth.Done()}
}

func (s *spec) apiKeys() {
	s.account()
	s.page()
	whole, few := sampleKeys()
	s.answers = []wire.Answer{
		s.route.Auth.APIKeysListed(middleware.KeyList{Keys: []store.APIKey{whole, few}, Next: "next-page"}),
		s.route.Auth.APIKeysListed(middleware.KeyList{}),
	}
}

func (s *spec) createAPIKey() {
	s.wish(s.about.CreateAPIKey)
	s.created()
}

func (s *spec) replaceAPIKey() {
	s.wish(s.about.ReplaceAPIKey)
	s.named()
	s.may(wire.ReasonNotFound, wire.ReasonReplaced)
	s.created()
}

func (s *spec) created() {
	whole, few := sampleKeys()
	whole.Successor, whole.LastUsedAt = "", time.Time{}
	for _, k := range []store.APIKey{whole, few} {
		s.answers = append(s.answers, s.route.Auth.APIKeyCreated(middleware.CreatedKey{Key: "new-key", APIKey: k}))
	}
}

func (s *spec) revokeAPIKey() {
	s.account()
	s.named()
	s.may(wire.ReasonNotFound)
	s.answers = []wire.Answer{s.route.Auth.Done()}
}

// account describes a handler for the user's own account.
func (s *spec) account() {
	s.mayBearer(required)
	s.may(wire.ReasonForbidden)
}

// page describes the parameters of a list.
func (s *spec) page() {
	s.may(wire.ReasonMalformed)
	for _, p := range s.about.Page {
		s.params = append(s.params, parameter(p))
	}
}

// named wants the path to name a session or a key.
func (s *spec) named() {
	if len(s.route.params()) == 0 {
		s.defect = "must be mounted at a path with the ID as a parameter, for example \"/auth/sessions/{id}\""
	}
}

// wish describes what a handler of API keys reads.
func (s *spec) wish(members []wire.Param) {
	s.account()
	s.may(wire.ReasonMalformed, wire.ReasonTooLarge, reasonLate, wire.ReasonScope, wire.ReasonNoSession)
	schema := bodySchema(wire.Reading{Params: members})
	schema["additionalProperties"] = false
	s.body = object{"required": true, "content": object{"application/json": object{"schema": schema}}}
}
