package ratelimit

import (
	"net/http"
	"net/netip"
)

// Caller is who sends a request, as Config.Identify says: whose limits the
// request counts against. The zero Caller is not authenticated and is counted by
// the client's address.
type Caller struct {
	// User, Account and Session are identifiers of an authenticated caller: the
	// user, the account whose quota the user spends (empty: the user's own) and the
	// session or API key (empty: none). With User and Account empty the caller is
	// not authenticated.
	User, Account, Session string

	// Tier is the name of the caller's tier in Config.Tiers, and Seats the number
	// of seats of the account; less than 1 counts as 1. Both are ignored if the
	// caller is not authenticated: such a caller has the tier Anonymous.
	Tier  string
	Seats int

	// Address is the client's address, for limits by address, where there is no
	// request to ask Config.ClientIP about: in Inspect, Reset and Grant.
	Address netip.Addr

	// Key is the host's own key, for limits by ByKey, in Inspect, Reset and Grant.
	// Rules by ByKey are left out where it is empty.
	Key string
}

// Authenticated reports whether the caller has a user or an account.
func (c Caller) Authenticated() bool { return c.User != "" || c.Account != "" }

// who is a caller and their request. Without a request the Caller says all.
type who struct {
	Caller

	request *http.Request
}
