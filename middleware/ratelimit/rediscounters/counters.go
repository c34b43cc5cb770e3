package rediscounters

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// counters decide with one script.
type counters struct {
	client redis.UniversalClient
	secret []byte
	prefix string // of all keys, with the hash tag in it
	now    func() time.Time
	guard  *redisclient.Guard
	denied *denied
	leases *leases          // nil: none
	clock  func() time.Time // of a test, instead of the server's

	inspection     *inspection
	sourceCounters int64
}

func (c *counters) Check(p ratelimit.Policy) error { return p.Check() }

func (c *counters) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if err := check(charges); err != nil {
		return ratelimit.Decision{}, err
	}
	name := c.denied.of(charges)
	d, ask, ok := c.leases.spend(name, charges, dst)
	if ok {
		return d, nil
	}
	sent := c.now()
	if d, ok := c.denied.find(name, dst, sent); ok {
		c.leases.answered(name, ask)
		return d, nil
	}
	answer, err := c.run(ctx, "take", charges, ask)
	if err != nil {
		c.leases.answered(name, ask)
		return ratelimit.Decision{}, err
	}
	d = answer.decision(charges, dst)
	if !d.Allowed {
		c.denied.keep(name, d.Status, c.now())
	}
	if c.leases.lends(charges) {
		more, good := answer.lease()
		c.leases.keep(name, &charges[0].Policy, ask, more, d.Status[0], sent, good)
		d.Status[0].Remaining += more
	}
	return d, nil
}

func (c *counters) Peek(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if err := check(charges); err != nil {
		return ratelimit.Decision{}, err
	}
	answer, err := c.run(ctx, "peek", charges, 0)
	if err != nil {
		return ratelimit.Decision{}, err
	}
	return answer.decision(charges, dst), nil
}

func (c *counters) Refund(ctx context.Context, charges []ratelimit.Charge) error {
	return c.write(ctx, "refund", charges)
}

func (c *counters) Reset(ctx context.Context, charges []ratelimit.Charge) error {
	return c.write(ctx, "reset", charges)
}

func (c *counters) write(ctx context.Context, todo string, charges []ratelimit.Charge) error {
	if err := check(charges); err != nil {
		return err
	}
	_, err := c.run(ctx, todo, charges, 0)
	return err
}

// Close does nothing: the client belongs to its owner.
func (*counters) Close() error { return nil }

var errSameCounter = errors.New("rediscounters: two charges on one counter")

func check(charges []ratelimit.Charge) error {
	for i, c := range charges {
		if err := c.Check(); err != nil {
			return err
		}
		for _, other := range charges[:i] {
			if other.Key == c.Key && other.Policy.Window == c.Policy.Window && other.Policy.Algorithm == c.Policy.Algorithm && other.Group == c.Group {
				return errSameCounter
			}
		}
	}
	return nil
}

// run runs the script on the server, in one round trip.
func (c *counters) run(ctx context.Context, todo string, charges []ratelimit.Charge, more int64) (answer, error) {
	if len(charges) == 0 {
		return answer{0}, nil
	}
	keys := make([]string, 1, 1+3*len(charges))
	keys[0] = c.prefix + "resets"
	args := make([]any, 3, 3+8*len(charges))
	args[0], args[1], args[2] = todo, int64(0), c.sourceCounters
	if c.clock != nil {
		args[1] = c.clock().UnixMicro()
	}
	for _, charge := range charges {
		p := charge.Policy
		burst := p.Burst
		if burst == 0 {
			burst = max(p.Limit, 0)
		}
		done := 0
		if charge.Done {
			done = 1
		}
		keys = append(keys, c.key(charge))
		sourced := 0
		if charge.Group == ratelimit.GroupAddresses || charge.Group == ratelimit.GroupAttempts {
			keys, sourced = append(keys, c.sourceKey(charge), c.sharedKey(charge)), 1
		}
		args = append(args, int64(p.Algorithm), p.Limit, p.Window.Microseconds(), burst, charge.Cost, done, more, sourced)
	}
	var reply []int64
	err := c.guard.Call(ctx, keys[0], func(ctx context.Context) (err error) {
		if err := c.inspection.check(ctx); err != nil {
			return err
		}
		reply, err = c.decide(ctx, keys, args)
		return err
	})
	if err != nil {
		return nil, failed(err)
	}
	if len(reply) != 1 && len(reply) != 1+answerWords*len(charges) {
		return nil, fmt.Errorf("rediscounters: the server answers with %d numbers", len(reply))
	}
	c.denied.heard(reply[0])
	return reply, nil
}

// decide runs the script. A shared pipeline returns when its batch has been answered,
// whatever the context of one of its calls says, so the call waits beside it: the
// pipeline's goroutine ends after the ReadTimeout of the client.
func (c *counters) decide(ctx context.Context, keys []string, args []any) ([]int64, error) {
	if !c.guard.Pipelined {
		return deciding.RunKeys(ctx, c.client, keys, args...).Int64Slice()
	}
	type outcome struct {
		reply []int64
		err   error
	}
	answered := make(chan outcome, 1)
	go func() {
		reply, err := deciding.RunKeys(ctx, c.client, keys, args...).Int64Slice()
		answered <- outcome{reply, err}
	}()
	select {
	case o := <-answered:
		return o.reply, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// key returns the name of a counter.
func (c *counters) key(charge ratelimit.Charge) string {
	if charge.Group == ratelimit.GroupCallers {
		return c.name("rediscounters/%d/%d/%s", charge.Policy.Algorithm, charge.Policy.Window/time.Second, charge.Key)
	}
	return c.name("rediscounters/%v/%d/%d/%s", charge.Group, charge.Policy.Algorithm, charge.Policy.Window/time.Second, charge.Key)
}

// sourceKey returns the name of the key with the number of counters that a source
// has made.
func (c *counters) sourceKey(charge ratelimit.Charge) string {
	return c.name("rediscounters/source/%v/%s", charge.Group, charge.Source)
}

// sharedKey returns the name of the counter that a source shares.
func (c *counters) sharedKey(charge ratelimit.Charge) string {
	return c.name("rediscounters/shared/%v/%d/%d/%s", charge.Group, charge.Policy.Algorithm, charge.Policy.Window/time.Second, charge.Source)
}

// name returns the name of a key. Half of a SHA-256 is enough that no two callers
// ever share one. The name does not reveal the caller.
func (c *counters) name(format string, args ...any) string {
	mac := hmac.New(sha256.New, c.secret)
	_, _ = fmt.Fprintf(mac, format, args...)
	return c.prefix + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:sha256.Size/2])
}

// answer is the reply of the script.
type answer []int64

// answerWords is how many numbers the reply has for each charge.
const answerWords = 6

func (a answer) decision(charges []ratelimit.Charge, dst []ratelimit.Status) ratelimit.Decision {
	d := ratelimit.Decision{Allowed: true, Status: slices.Grow(dst[:0], len(charges))[:len(charges)]}
	for i := range charges {
		word := a[1+answerWords*i:]
		d.Status[i] = ratelimit.Status{
			Allowed: word[0] == 1, Remaining: word[1],
			ResetAfter: time.Duration(word[2]) * time.Microsecond, RetryAfter: time.Duration(word[3]) * time.Microsecond,
		}
		d.Allowed = d.Allowed && (d.Status[i].Allowed || charges[i].Done)
	}
	return d
}

// lease returns how much was charged in advance, and for how long that is valid.
func (a answer) lease() (more int64, good time.Duration) {
	return a[5], time.Duration(a[6]) * time.Microsecond
}
