package middleware

import (
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// Guesses says how many wrong guesses the door bears before it refuses with 429
// and looks at nothing any more: no store is asked and no password hashed. Only
// what turns out wrong is spent; whoever is right gets back what the attempt had
// cost, so that attempts under way at the same time cannot slip through.
//
// The zero value is the safe default. A login is counted by its pseudonym, and
// whether or not there is such a user: the answers do not differ.
type Guesses struct {
	// Address is for wrong logins from one address (IPv6: one /64), at whatever
	// names it has not got in under before. Zero: 60, and one more each minute.
	Address Budget

	// Login is for wrong logins at one name, from all addresses together that
	// have not got in under it before. Zero: 50, and one more every half hour,
	// which is less than 100 in any day. While others guess it away, the user
	// gets in from known addresses only.
	Login Budget

	// Pair is for wrong logins at one name from one address. It starts afresh
	// when the user gets in. Zero: 20, and one more every three minutes.
	Pair Budget

	// Known is Pair for an address that has got in under this name before. What
	// others guess, from there at other names or from strange addresses at this
	// one, does not count there and shuts nobody out. Zero: 20, and one more every
	// half hour.
	Known Budget

	// AllKnown is for all the known addresses of one name together, so that not
	// even many of them are many guesses; it starts afresh as well. Have it twice as large as Known, and
	// twice as fast: then whoever sits at one of them cannot spend it. Zero: 40,
	// and one more every quarter of an hour.
	AllKnown Budget

	// KnownFor is how long an address stays known without another login, in whole
	// seconds; after one it may be up to twice as long. At most a year. Zero: 30
	// days.
	KnownFor time.Duration

	// Client is for wrong secrets of one OAuth client from one address. Zero: 20,
	// and one more each minute.
	Client Budget

	// Token is for API keys and refresh tokens that open nothing, from one
	// address. A genuine refresh token is no guess, whatever else comes from its
	// address. Zero: 300, and one more each second.
	Token Budget

	// SameLogin gives the form that all spellings of one login have in common, as
	// your Users see it: what it tells apart is guessed at apart. Nil: spaces
	// around it and the case of its letters make no difference.
	SameLogin func(login string) string

	// OnCounterFailure says what becomes of attempts that cannot be counted. The
	// zero value refuses them with 503, whatever Config.OnCounterFailure is.
	OnCounterFailure ratelimit.FailurePolicy

	// InsecureUnlimited switches all of it off, for hosts that count guesses
	// elsewhere.
	InsecureUnlimited bool
}

// Budget is how many wrong guesses there may be: so many at once, and one more
// each time that Every has passed. On counters that have fixed windows only, as
// those of [FromLimiter], it is so many in as long as all of them would take to
// come back.
type Budget struct {
	Burst int64

	// Every is in whole seconds.
	Every time.Duration
}

// budget is a Budget by its name, as New has found it.
type budget struct {
	name string
	zero Budget
	of   func(*Guesses) *Budget
}

const (
	ofAddress = iota
	ofLogin
	ofPair
	ofKnown
	ofAllKnown
	ofClient
	ofToken
)

var budgets = [...]budget{
	ofAddress:  {"Address", Budget{60, time.Minute}, func(g *Guesses) *Budget { return &g.Address }},
	ofLogin:    {"Login", Budget{50, 30 * time.Minute}, func(g *Guesses) *Budget { return &g.Login }},
	ofPair:     {"Pair", Budget{20, 3 * time.Minute}, func(g *Guesses) *Budget { return &g.Pair }},
	ofKnown:    {"Known", Budget{20, 30 * time.Minute}, func(g *Guesses) *Budget { return &g.Known }},
	ofAllKnown: {"AllKnown", Budget{40, 15 * time.Minute}, func(g *Guesses) *Budget { return &g.AllKnown }},
	ofClient:   {"Client", Budget{20, time.Minute}, func(g *Guesses) *Budget { return &g.Client }},
	ofToken:    {"Token", Budget{300, time.Second}, func(g *Guesses) *Budget { return &g.Token }},
}

const (
	defaultKnownFor = 30 * 24 * time.Hour
	maxKnownFor     = 366 * 24 * time.Hour
	maxBurst        = 1_000_000
)

// guard is Guesses, ready for use.
type guard struct {
	policies  [len(budgets)]ratelimit.Policy
	known     ratelimit.Policy // of the marks of known addresses
	sameLogin func(string) string
	onFailure ratelimit.FailurePolicy
	off       bool
}

// guard checks g and the counters, and fills in the defaults.
func (g Guesses) guard(c ratelimit.Counters, complain complaint) guard {
	knownFor, sameLogin := g.KnownFor, g.SameLogin
	if knownFor == 0 {
		knownFor = defaultKnownFor
	}
	if knownFor < time.Second || knownFor > maxKnownFor || knownFor%time.Second != 0 {
		complain("Guesses.KnownFor", "wants whole seconds, at least one and at most a year, has %v", knownFor)
	}
	if g.OnCounterFailure < ratelimit.FailDefault || g.OnCounterFailure > ratelimit.FailOpen {
		complain("Guesses.OnCounterFailure", "wants FailClosed or FailOpen, has %d", g.OnCounterFailure)
	}
	if sameLogin == nil {
		sameLogin = folded
	}
	made := guard{
		known:     ratelimit.Policy{Name: "guesses/known", Limit: 1, Window: 2 * knownFor},
		sameLogin: sameLogin, onFailure: g.OnCounterFailure, off: g.InsecureUnlimited,
	}
	for i, b := range budgets {
		has := *b.of(&g)
		if has == (Budget{}) {
			has = b.zero
		}
		path := "Guesses." + b.name
		if has.Burst < 1 || has.Burst > maxBurst || has.Every < time.Second || has.Every%time.Second != 0 || has.Every > maxKnownFor {
			complain(path, "wants a Burst of 1 to %d and an Every of whole seconds, at least one, has %d and %v", maxBurst, has.Burst, has.Every)
			continue
		}
		p := ratelimit.Policy{
			Name: "guesses/" + strings.ToLower(b.name), Limit: has.Burst,
			Window: min(time.Duration(has.Burst)*has.Every, ratelimit.MaxWindow), Algorithm: ratelimit.GCRA,
		}
		if c.Check(p) != nil {
			p.Algorithm = ratelimit.FixedWindow
		}
		if err := c.Check(p); err != nil {
			complain("Counters", "cannot count %s: %w", path, err)
		}
		made.policies[i] = p
	}
	return made
}

// folded is what a login has in common with those that differ in case only.
func folded(login string) string {
	return strings.ToLower(strings.ToUpper(strings.TrimSpace(login)))
}
