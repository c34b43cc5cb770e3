package middleware

import (
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// BruteForce configures brute-force protection: how many failed attempts are
// allowed before attempts get 429, without a call of the store and without
// hashing a password. An attempt is charged before it is made, so that concurrent
// attempts cannot exceed a budget, and only a failure stays charged: a success, a
// failure of the store and a panic give the charge back.
//
// A right password that does not log in costs what a success costs, and is no
// failure: the host refuses the user or asks for a second factor, or the scope cannot
// be granted.
//
// A request with an invalid form is rejected before anything is counted. Then the
// address is charged, then the client is authenticated, and only then are the
// login and the pair of login and address charged. A text that the caller chose
// (a login, a client ID) is counted only while the budget of the caller's address
// lasts. So with the defaults one address makes at most 246 counters in an hour,
// and 242 if it is an IPv4 address: two for each failed login, and the address's
// own. A rejection makes none. What only successes make, such as the marks of
// known addresses, is in counters of its own: see [ratelimit.GroupKnown].
//
// A login is counted under its pseudonym (see [tokens.Authority.Pseudonym]),
// whether or not there is such a user. The responses and their Retry-After do not
// differ.
//
// An IPv6 /56 has four times the budget of an address, and a /48 sixteen times,
// because a customer with a whole network must not have as many budgets as it has
// addresses.
//
// The zero value is the safe default.
type BruteForce struct {
	// Address limits failed logins and wrong client secrets from one address (IPv6:
	// one /64), whatever the login or the client. While it is used up, users who are
	// known at the address can log in with the right password; all else gets 429.
	// Zero: 60, and one more each minute.
	Address Budget

	// Login limits failed logins with one name, from all addresses together. While
	// it is used up, the user can log in from known addresses only. Zero: 50, and
	// one more each 30 minutes, which is less than 100 in any day.
	Login Budget

	// Pair limits failed logins with one name from one address. It is reset when the
	// user logs in. Zero: 20, and one more each 3 minutes.
	Pair Budget

	// Known limits failed logins with one name from an address from which this user
	// has logged in before, while Address, Login or Pair is used up. Attempts of
	// others do not count there. It is reset when the user logs in. Zero: 20, and
	// one more each 30 minutes.
	Known Budget

	// AllKnown is Known for all known addresses of one name together, so that many
	// of them are not many budgets. It is reset when the user logs in. Make it twice
	// as large as Known, and twice as fast, so that one address cannot use it up.
	// Zero: 40, and one more each 15 minutes.
	AllKnown Budget

	// KnownFor is how long an address stays known after a login: at least KnownFor
	// and at most twice as long. It must be whole seconds, 1 s to 366 days. Zero: 30
	// days.
	KnownFor time.Duration

	// Success limits logins of one user from one address whose password is right,
	// successful or not: at most Burst in any Burst × Every. One more gets 429 before
	// the password is hashed. Concurrent logins before the user is known at the address can exceed it once,
	// by as many as Pair allows. Zero: 60, and one more each second, which is 60 in
	// any minute.
	Success Budget

	// Client limits wrong secrets of one OAuth client from one address, within
	// Address. An address from which the client has succeeded has a second budget of
	// the same size, for the time in which Address or the first one is used up; an
	// API key has one too, for when Token is used up. Zero: 20, and one more each
	// minute.
	Client Budget

	// Token limits wrong API keys, refresh tokens and, at the revocation endpoint,
	// access tokens, from one address. A genuine refresh token costs nothing. Zero:
	// 300, and one more each second.
	Token Budget

	// SameLogin normalizes a login. Logins for which it returns the same text are
	// counted together. Set it if your store treats more spellings as one login.
	// Nil: surrounding spaces and the case of letters are ignored.
	SameLogin func(login string) string

	// OnCounterFailure says how attempts are handled while the counters fail,
	// independently of Config.OnCounterFailure. It must be zero, FailClosed or
	// FailOpen. Zero: they get 503.
	OnCounterFailure ratelimit.FailurePolicy

	// InsecureUnlimited disables brute-force protection. It is for hosts that count
	// failed attempts elsewhere, such as in a proxy. False: attempts are limited.
	InsecureUnlimited bool
}

// Budget limits attempts: Burst at once, and one more after each Every. Counters
// that have fixed windows only, such as those of [ratelimit.FromLimiter], allow
// Burst attempts in each window of Burst × Every. The zero value is the default
// of its field.
type Budget struct {
	// Burst must be 1 to 1000000, unless the whole Budget is zero.
	Burst int64

	// Every must be whole seconds, 1 s to 366 days, unless the whole Budget is zero.
	Every time.Duration
}

// budget is a Budget by its name.
type budget struct {
	name string
	zero Budget
	of   func(*BruteForce) *Budget

	algorithm ratelimit.Algorithm // FixedWindow if the counters have no other
	group     ratelimit.Group
}

const (
	ofAddress = iota
	ofLogin
	ofPair
	ofKnown
	ofAllKnown
	ofClient
	ofToken
	ofSuccess
	ofKnownSecret
)

var budgets = [...]budget{
	ofAddress:  {"Address", Budget{60, time.Minute}, func(g *BruteForce) *Budget { return &g.Address }, ratelimit.GCRA, ratelimit.GroupAttempts},
	ofLogin:    {"Login", Budget{50, 30 * time.Minute}, func(g *BruteForce) *Budget { return &g.Login }, ratelimit.GCRA, ratelimit.GroupAttempts},
	ofPair:     {"Pair", Budget{20, 3 * time.Minute}, func(g *BruteForce) *Budget { return &g.Pair }, ratelimit.GCRA, ratelimit.GroupAttempts},
	ofKnown:    {"Known", Budget{20, 30 * time.Minute}, func(g *BruteForce) *Budget { return &g.Known }, ratelimit.GCRA, ratelimit.GroupKnown},
	ofAllKnown: {"AllKnown", Budget{40, 15 * time.Minute}, func(g *BruteForce) *Budget { return &g.AllKnown }, ratelimit.GCRA, ratelimit.GroupKnown},
	ofClient:   {"Client", Budget{20, time.Minute}, func(g *BruteForce) *Budget { return &g.Client }, ratelimit.GCRA, ratelimit.GroupAttempts},
	ofToken:    {"Token", Budget{300, time.Second}, func(g *BruteForce) *Budget { return &g.Token }, ratelimit.GCRA, ratelimit.GroupAttempts},
	ofSuccess:  {"Success", Budget{60, time.Second}, func(g *BruteForce) *Budget { return &g.Success }, ratelimit.Rolling, ratelimit.GroupKnown},

	// of a client or an API key at an address from which it has succeeded: as Client
	ofKnownSecret: {group: ratelimit.GroupKnown},
}

const (
	defaultKnownFor = 30 * 24 * time.Hour
	maxKnownFor     = 366 * 24 * time.Hour
	maxBurst        = 1_000_000
)

// guard is a compiled BruteForce.
type guard struct {
	policies  [len(budgets)]ratelimit.Policy
	known     ratelimit.Policy // of the marks of known addresses
	sameLogin func(string) string
	onFailure ratelimit.FailurePolicy
	off       bool
}

// guard checks g and the counters, and sets the defaults.
func (g BruteForce) guard(c ratelimit.Counters, complain complaint) guard {
	knownFor, sameLogin := g.KnownFor, g.SameLogin
	if knownFor == 0 {
		knownFor = defaultKnownFor
	}
	if knownFor < time.Second || knownFor > maxKnownFor || knownFor%time.Second != 0 {
		complain("BruteForce.KnownFor", "must be whole seconds, 1s to 366 days, got %v", knownFor)
	}
	if g.OnCounterFailure < ratelimit.FailDefault || g.OnCounterFailure > ratelimit.FailOpen {
		complain("BruteForce.OnCounterFailure", "must be FailClosed or FailOpen, got %d", g.OnCounterFailure)
	}
	if sameLogin == nil {
		sameLogin = folded
	}
	made := guard{
		known:     ratelimit.Policy{Name: "bruteforce/known", Limit: 1, Window: 2 * knownFor},
		sameLogin: sameLogin, onFailure: g.OnCounterFailure, off: g.InsecureUnlimited,
	}
	for i, b := range budgets {
		if i == ofKnownSecret {
			made.policies[i] = made.policies[ofClient]
			continue
		}
		has := *b.of(&g)
		if has == (Budget{}) {
			has = b.zero
		}
		path := "BruteForce." + b.name
		if has.Burst < 1 || has.Burst > maxBurst || has.Every < time.Second || has.Every%time.Second != 0 || has.Every > maxKnownFor {
			complain(path, "must have a Burst of 1 to %d and an Every of whole seconds, 1s to 366 days, got %d and %v", maxBurst, has.Burst, has.Every)
			continue
		}
		p := ratelimit.Policy{
			Name: "bruteforce/" + strings.ToLower(b.name), Limit: has.Burst,
			Window: min(time.Duration(has.Burst)*has.Every, ratelimit.MaxWindow), Algorithm: b.algorithm,
		}
		if c.Check(p) != nil {
			p.Algorithm = ratelimit.FixedWindow
		}
		if err := c.Check(p); err != nil {
			complain("Counters", "must support what %s requires: %v", path, err)
		}
		made.policies[i] = p
	}
	return made
}

// folded returns the text that logins have in common which differ in case only.
func folded(login string) string {
	return strings.ToLower(strings.ToUpper(strings.TrimSpace(login)))
}
