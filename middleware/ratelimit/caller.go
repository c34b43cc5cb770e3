package ratelimit

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/netip"

	"github.com/sallyport-go/sallyport/internal/keytable"
	"github.com/sallyport-go/sallyport/internal/network"
)

// Caller is who sends a request: whose limits the request counts against. The
// zero Caller is not authenticated, and is counted by the client's address.
type Caller struct {
	// User, Account and Session identify an authenticated caller: the user, the
	// account whose quota the user uses, and the session or API key. Account empty:
	// the user has a quota of their own. Session empty: there is none. If User and
	// Account are empty, the caller is not authenticated.
	User, Account, Session string

	// Tier is the name of the caller's tier in Config.Tiers, for example "free". It
	// is ignored if the caller is not authenticated: such a caller has the tier
	// Anonymous.
	Tier string

	// Seats is the number of seats of the account. Zero and less count as 1. It is
	// ignored if the caller is not authenticated.
	Seats int

	// Address is the client's address, for limits by address. Only Inspect, Reset
	// and Grant read it, because they have no request for Config.ClientIP.
	Address netip.Addr

	// Key is the host's own key, for limits by ByKey. Only Inspect, Reset and Grant
	// read it. Empty: they ignore the rules by ByKey.
	Key string
}

// Authenticated reports whether the caller has a User or an Account.
func (c Caller) Authenticated() bool { return c.User != "" || c.Account != "" }

// By selects the counter that a request is charged to. The zero value is
// [ByAccount].
//
// Fallback: if the caller has no account or session, its user is counted; without
// an authenticated caller, the client address. Every request is counted.
type By struct {
	kind       string
	bits4      int
	bits6      int
	key        func(*http.Request) (string, error)
	complaints []string
}

// The kinds of owner, as they are in the keys of counters.
const (
	byAccount = "account"
	byUser    = "user"
	bySession = "session"
	byAddress = "address"
	byHost    = "key"
)

// ByAccount counts by Caller.Account, which several users may share. Without an
// account it counts by user.
func ByAccount() By { return By{kind: byAccount} }

// ByUser counts by Caller.User, whatever the account.
func ByUser() By { return By{kind: byUser} }

// BySession counts by Caller.Session: the API key that the access token was made
// from, or its session. A new login starts a new session with a new counter, so
// use a limit by user or account too. Without a session it counts by user.
func BySession() By { return By{kind: bySession} }

// ByAddress counts by the client's address, for authenticated callers too: one
// IPv4 address, or one IPv6 /64, which is what one customer gets.
func ByAddress() By { return ByNetwork(32, 64) }

// ByNetwork is ByAddress for networks of another size: bits4 is 1 to 32 bits of
// an IPv4 address, and bits6 is 1 to 128 bits of an IPv6 address. Other values
// are an error of New.
func ByNetwork(bits4, bits6 int) By {
	b := By{kind: byAddress, bits4: bits4, bits6: bits6}
	if bits4 < 1 || bits4 > 32 || bits6 < 1 || bits6 > 128 {
		b.complaints = append(b.complaints, fmt.Sprintf("must be 1 to 32 bits of IPv4 and 1 to 128 of IPv6, got %d and %d", bits4, bits6))
	}
	return b
}

// ByKey counts by a key of the host's own, for example a device, or a tenant in
// the path. The key must not be a value that the client can choose freely: each
// new value gets a new counter. The counters use the capacity of GroupCallers.
//
// If key returns a [Refusal], that rejects the request. Any other error and an
// empty key reject it with ReasonMisconfigured. key must be safe for concurrent
// use.
func ByKey(key func(*http.Request) (string, error)) By {
	b := By{kind: byHost, key: key}
	if key == nil {
		b.complaints = append(b.complaints, "must have a function in ByKey, got nil")
	}
	return b
}

func (b By) check(path string, complain complaint) {
	for _, c := range b.complaints {
		complain(path, "%s", c)
	}
}

// subject is whose limits are counted: a caller and their request. Without a
// request, as in Inspect, the Caller has all that is needed.
type subject struct {
	Caller

	request *http.Request
	now     settings // for all that is decided about this request

	counted   string // the tier under which the request is counted
	uncounted bool   // it is admitted without being counted, as FailOpen says
}

// identify asks the host who sends the request.
func (l *Limiter) identify(s *subject) (err error) {
	if l.config.Identify != nil {
		s.Caller, err = l.config.Identify(s.request)
	}
	return err
}

// owner is the owner of a counter: its kind, and its ID or network.
type owner struct {
	kind, id string
	network  netip.Prefix
}

// owner returns in whose counter a policy counts the subject.
func (c *core) owner(s *subject, b *By) (o owner, err error) {
	switch {
	case b.kind == byHost:
		o.kind = byHost
		o.id, err = s.hostKey(b)
	case b.kind == byAddress || !s.Authenticated():
		o.kind = byAddress
		o.network, err = c.network(s, b)
	case b.kind == bySession && s.Session != "":
		o.kind, o.id = bySession, s.Session
	case b.kind == byUser || b.kind == bySession || s.Account == "":
		o.kind, o.id = byUser, s.User
	default:
		o.kind, o.id = byAccount, s.Account
	}
	return o, err
}

var errNoKey = errors.New("ratelimit: the function of ByKey returned an empty key")

func (s *subject) hostKey(b *By) (string, error) {
	id := s.Key
	if s.request != nil {
		var err error
		if id, err = b.key(s.request); err != nil {
			if refuses, _ := isRefusal(err); refuses {
				return "", err
			}
			return "", misconfigured(err)
		}
	}
	if id == "" {
		return "", misconfigured(errNoKey)
	}
	return id, nil
}

func (c *core) network(s *subject, b *By) (netip.Prefix, error) {
	addr := s.Address
	if s.request != nil {
		var err error
		if addr, err = c.config.ClientIP(s.request); err != nil {
			return netip.Prefix{}, noAddress(err)
		}
	}
	bits4, bits6 := b.bits4, b.bits6
	if bits4 == 0 {
		bits4, bits6 = 32, 64 // one IPv4 address, or the /64 of one IPv6 customer
	}
	net, err := network.Of(addr, bits4, bits6)
	if err != nil {
		return netip.Prefix{}, noAddress(err)
	}
	return net, nil
}

// locate gives an item the key of the owner's counter, and says who takes its place.
// The group follows from the kind of the owner alone, so that support staff find the
// counter. Counters by address are made by callers who are not authenticated: an IPv4
// /24 or an IPv6 /48 is one source.
//
// Counters in memory and those of the requests in flight get hashes instead, which cost
// no memory.
func (c *core) locate(it *item, o *owner) {
	var buffer [144]byte // large enough for most keys
	hashing := c.memory != nil || it.concurrent
	text := append(append(append(buffer[:0], it.key...), o.kind...), '/')
	var end int
	switch {
	case o.kind != byAddress:
		text = append(text, o.id...)
		end = len(text)
	case hashing:
		text = appendBytes(text, o.network)
		end = len(text)
		text = appendSource(text, o.network)
	default:
		text = o.network.AppendTo(text)
		end = len(text)
		text = source(o.network).AppendTo(text)
	}
	if o.kind == byAddress {
		it.charge.Group = GroupAddresses
	}
	if hashing {
		it.hashed = hash(c.seeds, text[:end], text[end:])
		return
	}
	both := string(text) // one allocation for two strings
	it.charge.Key, it.charge.Source = both[:end], both[end:]
}

// source returns the network that Charge.Source names for a client's network.
func source(net netip.Prefix) netip.Prefix {
	bits := 48
	if net.Addr().Is4() {
		bits = 24
	}
	wide, err := net.Addr().Prefix(min(bits, net.Bits()))
	if err != nil {
		return net
	}
	return wide
}

// appendBytes appends a network as bytes. Different networks have different bytes,
// because [network.Of] returns no IPv6 network that is an IPv4 network.
func appendBytes(text []byte, net netip.Prefix) []byte {
	b := net.Addr().As16()
	return append(append(text, b[:]...), byte(net.Bits())) //nolint:gosec // at most 128
}

// appendSource appends the [source] of a network as bytes.
func appendSource(text []byte, net netip.Prefix) []byte {
	b, bits := net.Addr().As16(), net.Bits()
	switch {
	case net.Addr().Is4() && bits > 24:
		b[15], bits = 0, 24
	case net.Addr().Is6() && bits > 48:
		bits = 48
		clear(b[bits/8:])
	}
	return append(append(text, b[:]...), byte(bits))
}

// hashed has the hashes of a charge's Key and Source.
type hashed struct {
	key    keytable.Key
	source uint32
}

// hash hashes a Key and a Source. It keeps nothing of them.
func hash(seeds *[2]maphash.Seed, key, source []byte) hashed {
	return hashed{
		key:    keytable.Key{maphash.Bytes(seeds[0], key), maphash.Bytes(seeds[1], key)},
		source: uint32(maphash.Bytes(seeds[0], source)), //nolint:gosec // some bits are enough
	}
}
