package openapi

import (
	"slices"

	"github.com/sallyport-go/sallyport/middleware/wire"
)

// reads describes what a handler reads of a POST.
func (s *spec) reads(reading wire.Reading, accepts wire.Accepts) {
	s.may(wire.ReasonMalformed, wire.ReasonTooLarge, reasonLate, wire.ReasonTwoBearers)
	s.accepts, s.oneOf = accepts, reading.OneOf
	isBody := false
	for _, p := range reading.Params {
		if p.Required {
			s.needed = append(s.needed, p.Name)
		}
		switch {
		case p.In == "header":
			s.header = true
			s.params = append(s.params, parameter(p))
		case p.Required:
			isBody = true
			if !slices.Contains(reading.OneOf, p.Name) {
				s.may(wire.ReasonMissing)
			}
		}
		if p.In == "body" && p.Name == "grant_type" && len(p.Values) > 0 {
			s.may(wire.ReasonGrantType)
		}
		if p.In == "body" && p.Name == "scope" {
			s.may(wire.ReasonScope)
		}
	}
	if reading.Client || slices.ContainsFunc(reading.Params, func(p wire.Param) bool { return p.Name == "client_id" }) {
		s.client = true
		if s.about.RegistersClients {
			s.may(wire.ReasonClient, wire.ReasonClientGrant)
		}
	}
	schema := bodySchema(reading)
	if s.about.Remember != "" && (s.route.Operation == Login || s.route.Operation == CompleteLogin) {
		properties(schema)[s.about.Remember] = object{"type": []string{"string", "boolean"}, "description": "Stay logged in when the browser is closed"}
	}
	if len(properties(schema)) > 0 {
		s.body = content(accepts, schema, isBody && s.about.RefreshCookie == "")
	}
	s.unavailable()
}
