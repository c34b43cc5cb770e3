package sqlcounters

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/internal/remote"
)

// id is what identifies a row.
type id [16]byte

// sharedBit is set in the IDs of counters that sources share, and in no other: rows are
// locked in the order of their IDs, and those after all others.
const sharedBit = 0x80

// order is a charge as the database takes it.
type order struct {
	place       int // among the charges
	own, shared id
	source      sourceKey
	sourced     bool // its source may share a counter
	closed      bool // its source must
	done        bool

	algorithm                        ratelimit.Algorithm
	limit, window, burst, cost, more int64
}

// orders returns the charges, sorted by the IDs of their counters.
func (c *Counters) orders(charges []ratelimit.Charge, more int64) []order {
	all := make([]order, len(charges))
	mac := hmac.New(sha256.New, c.secret)
	for i := range charges {
		charge := &charges[i]
		p := &charge.Policy
		n := &all[i]
		*n = order{
			place: i, done: charge.Done, algorithm: p.Algorithm, cost: charge.Cost, more: more,
			limit: min(max(p.Limit, 0), mostAt), window: p.Window.Microseconds(), burst: p.Burst,
		}
		if n.burst == 0 {
			n.burst = n.limit
		}
		n.burst = min(n.burst, mostAt)
		n.own = name(mac, "%v/%d/%d/%s", charge.Group, p.Algorithm, p.Window/time.Second, charge.Key)
		n.own[0] &^= sharedBit
		if charge.Group == ratelimit.GroupAddresses || charge.Group == ratelimit.GroupAttempts {
			n.sourced, n.source = true, c.sources.key(charge)
			n.closed = c.sources.isFull(n.source)
			n.shared = name(mac, "shared/%v/%d/%d/%s", charge.Group, p.Algorithm, p.Window/time.Second, charge.Source)
			n.shared[0] |= sharedBit
		}
	}
	slices.SortFunc(all, func(a, b order) int { return bytes.Compare(a.own[:], b.own[:]) })
	return all
}

// name returns the ID of a counter. Half of a SHA-256 is enough that no two callers ever
// share one, and it does not reveal the caller.
func name(mac hash.Hash, format string, args ...any) (n id) {
	mac.Reset()
	_, _ = fmt.Fprintf(mac, "sqlcounters/"+format, args...)
	copy(n[:], mac.Sum(nil))
	return n
}

// encode returns the orders as the function takes them: see the migrations.
func encode(orders []order) string {
	const width = 168
	text := make([]byte, 0, width*len(orders))
	digit := func(is bool) byte {
		if is {
			return '1'
		}
		return '0'
	}
	for i := range orders {
		n := &orders[i]
		text = fmt.Appendf(text, "%x%x", n.own, n.shared)
		text = append(text, '0'+byte(n.algorithm), digit(n.done), digit(n.closed), digit(n.sourced))
		for _, number := range [...]int64{n.limit, n.window, n.burst, n.cost, n.more} {
			text = fmt.Appendf(text, "%020d", number)
		}
	}
	return string(text)
}

// where is which counter a charge is on.
type where byte

const (
	onOwn    where = 'o' // its own
	onNew    where = 'n' // its own, which was made now, or would be
	onShared where = 's' // that of its source
	onGone   where = 'g' // its own, which was deleted
)

// outcome is what the database did for one order.
type outcome struct {
	where
	counter

	fits bool
	more int64
}

// result is what the database answers.
type result struct {
	resets, now int64
	all         []outcome
}

// decode returns the answer of the function.
func decode(text string, orders []order) (r result, err error) {
	parts := strings.Split(text, ";")
	if len(parts) != 1+len(orders) {
		return r, errAnswer
	}
	number := func(text string) int64 {
		n, e := strconv.ParseInt(text, 10, 64)
		if e != nil {
			err = errAnswer
		}
		return n
	}
	resets, now, _ := strings.Cut(parts[0], ",")
	r = result{resets: number(resets), now: number(now), all: make([]outcome, len(orders))}
	for i, part := range parts[1:] {
		words := strings.Split(part, ",")
		if len(words) != 2 && len(words) != 8 || len(words[1]) != 1 {
			return r, errAnswer
		}
		o := &r.all[i]
		o.fits, o.where = words[0] == "t", where(words[1][0])
		if len(words) == 2 {
			continue
		}
		level, e := strconv.ParseFloat(words[3], 64)
		if e != nil {
			return r, errAnswer
		}
		o.counter = counter{spent: number(words[2]), level: level, at: number(words[4]), ends: number(words[5])}
		o.more = number(words[7])
		if words[6] != "" && o.steps.read(words[6]) != nil {
			return r, errAnswer
		}
	}
	return r, err
}

// answer returns the result for the charges.
func (r result) answer(task remote.Task, orders []order) remote.Answer {
	if task != remote.Take && task != remote.Peek {
		return remote.Answer{r.resets}
	}
	answer := make(remote.Answer, 1+remote.Words*len(orders))
	answer[0] = r.resets
	for i := range orders {
		n, o := &orders[i], &r.all[i]
		word := answer[1+remote.Words*n.place:]
		wait := int64(0)
		if o.fits {
			word[0] = 1
		} else {
			wait = o.retry(n, r.now)
		}
		word[1], word[2], word[3], word[4] = max(o.free(n), 0), max(o.left(n, r.now), 0), wait, o.more
		if o.more > 0 {
			word[5] = o.good(n, r.now, o.more)
		}
	}
	return answer
}
