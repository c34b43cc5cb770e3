package tokens

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// CacheConfig limits the cache of a Verifier or an Authority. The cache keeps
// access tokens whose signature was verified for up to one minute, so that the
// next request with the same token needs no public-key operation. Each request
// still checks the token's times, its key and the deny list. A token whose claims
// have more than about 1.6 KiB is not cached. The zero value is a cache for keys
// other than HMAC.
type CacheConfig struct {
	// Entries is the maximum number of cached tokens. It is rounded down to a power
	// of two, and is at least 8. Zero: 16384. Negative: no cache.
	Entries int

	// Bytes is the maximum memory of the entries, in bytes, at least 65536 (64 KiB).
	// Zero: 8 MiB.
	Bytes int

	// HMAC also caches tokens of HMAC keys. Verifying their signature costs about as
	// much as a cache lookup, so this rarely helps.
	HMAC bool
}

// CacheStats has the counters of a cache, for metrics.
type CacheStats struct {
	// Hits and Misses count the lookups since the start. A miss is followed by the
	// verification of the token, which may reject it.
	Hits, Misses uint64

	// Entries and Bytes are the current number and size of the entries. Expired
	// entries count until they are replaced.
	Entries, Bytes int
}

const (
	cacheWays     = 8
	cacheEntries  = 16384
	cacheBytes    = 8 << 20
	leastBytes    = 64 << 10
	maxCacheEntry = 2 << 10 // bytes: a larger entry would displace many others
	cacheAge      = time.Minute
	entrySize     = 400 // bytes of a verified without its claims, rounded up
)

// cache keeps verified tokens. Readers take no lock, and write to no memory that
// other readers read, except for a counter.
//
// An entry is found by a SHA-256 over 32 random bytes and the whole token.
// Without these bytes the possible places of a token cannot be computed. If all
// places of a token are taken, a random one is replaced. So a caller with many
// valid tokens cannot choose which entry is replaced: each entry of others has
// the same chance to stay.
type cache struct {
	seed    [32]byte
	entries int
	bytes   int
	hmac    bool

	table  atomic.Pointer[[]place] // allocated with the first entry
	counts [8]struct {
		hits, misses atomic.Uint64
		_            [48]byte // so that each has its own cache line
	}

	mu        sync.Mutex // writers
	used, all int        // bytes and entries
}

// place is where an entry is kept. The tag is a part of the entry's key, so that a reader
// need not read the entries of other tokens, which are far away in memory. A reader that
// finds an entry beside the tag of another misses it, or reads that it is another token's.
type place struct {
	tag   atomic.Uint64 // 0: none
	entry atomic.Pointer[verified]
}

// verified is a token whose signature is right. It is immutable.
type verified struct {
	token     cacheKey
	set       *keys.Set
	key       *keys.Member
	principal Principal
	notBefore int64 // unix; 0: none
	at        time.Time
	size      int
}

type cacheKey [sha256.Size]byte

// tag returns a part of the key on which the place does not depend. It is never 0.
func (k *cacheKey) tag() uint64 { return binary.LittleEndian.Uint64(k[16:]) | 1 }

// newCache returns nil if the config asks for no cache.
func newCache(c CacheConfig, complain configcheck.Complain) *cache {
	if c.Bytes < 0 || c.Bytes > 0 && c.Bytes < leastBytes {
		complain("Cache.Bytes", "must be %d or more, or 0 for %d, got %d", leastBytes, cacheBytes, c.Bytes)
	}
	if c.Entries < 0 {
		return nil
	}
	made := &cache{entries: cacheWays, bytes: or(c.Bytes, cacheBytes), hmac: c.HMAC}
	for made.entries*2 <= or(c.Entries, cacheEntries) {
		made.entries *= 2
	}
	_, _ = rand.Read(made.seed[:]) // never fails
	return made
}

// wants reports whether tokens of this key are cached.
func (c *cache) wants(key *keys.Member) bool { return c != nil && (c.hmac || !key.IsHMAC()) }

// keyOf returns the key of a token. b must have the capacity for the seed and the
// token.
func (c *cache) keyOf(token string, b []byte) cacheKey {
	n := copy(b, c.seed[:])
	n += copy(b[n:], token)
	return sha256.Sum256(b[:n])
}

// places returns the places that a token may be kept in.
func (c *cache) places(table []place, k cacheKey) []place {
	first := int(binary.LittleEndian.Uint64(k[:])%uint64(c.entries/cacheWays)) * cacheWays //nolint:gosec // small
	return table[first : first+cacheWays]
}

// find returns the entry of a token that was verified less than a minute ago with this
// key of this set, and that is valid now, or nil.
func (c *cache) find(k cacheKey, set *keys.Set, key *keys.Member, now time.Time, leeway time.Duration) *verified {
	count := &c.counts[k[8]%8]
	if table := c.table.Load(); table != nil {
		places := c.places(*table, k)
		for i := range places {
			if places[i].tag.Load() != k.tag() {
				continue
			}
			e := places[i].entry.Load()
			if e == nil || e.token != k {
				continue
			}
			if e.set != set || e.key != key || !e.isCurrent(now, leeway) {
				break
			}
			count.hits.Add(1)
			return e
		}
	}
	count.misses.Add(1)
	return nil
}

// isCurrent reports whether an entry and its token are valid now. A clock that is
// set back does not make an entry last longer.
func (e *verified) isCurrent(now time.Time, leeway time.Duration) bool {
	age := now.Sub(e.at)
	return age >= 0 && age < cacheAge &&
		now.Add(-leeway).Before(e.principal.ExpiresAt) &&
		(e.notBefore == 0 || !now.Add(leeway).Before(time.Unix(e.notBefore, 0)))
}

// store adds a verified token.
func (c *cache) store(e *verified) {
	e.size = entrySize + len(e.principal.claims)
	if e.size > maxCacheEntry {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	table := c.table.Load()
	if table == nil {
		made := make([]place, c.entries)
		table = &made
		c.table.Store(table)
	}
	places := c.places(*table, e.token)
	free := &places[chance(len(places))]
	for i := range places {
		old := places[i].entry.Load()
		if old == nil || old.token == e.token || old.set != e.set || e.at.Sub(old.at) >= cacheAge {
			free = &places[i]
			if old != nil && old.token == e.token {
				break
			}
		}
	}
	c.drop(free)
	for tries := 0; c.used+e.size > c.bytes; tries++ {
		if tries == c.entries {
			return
		}
		c.drop(&(*table)[chance(len(*table))])
	}
	free.entry.Store(e)
	free.tag.Store(e.token.tag())
	c.used += e.size
	c.all++
}

// chance returns a random number below n, a power of two.
func chance(n int) int {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return int(binary.LittleEndian.Uint32(b[:])) & (n - 1)
}

// drop empties a place. The caller has the lock.
func (c *cache) drop(p *place) {
	p.tag.Store(0)
	if old := p.entry.Swap(nil); old != nil {
		c.used -= old.size
		c.all--
	}
}

func (c *cache) stats() (s CacheStats) {
	if c == nil {
		return s
	}
	for i := range c.counts {
		s.Hits += c.counts[i].hits.Load()
		s.Misses += c.counts[i].misses.Load()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Entries, s.Bytes = c.all, c.used
	return s
}

// CacheStats returns the counters of the cache. It is zero if there is no cache.
// It is safe for concurrent use.
func (v *Verifier) CacheStats() CacheStats { return v.cache.stats() }

// CacheStats returns the counters of the cache. It is zero if there is no cache.
// It is safe for concurrent use.
func (a *Authority) CacheStats() CacheStats { return a.verifier.CacheStats() }
