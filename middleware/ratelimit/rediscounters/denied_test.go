package rediscounters_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
)

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	t.Run("more callers than there are leases are counted all the same", func(t *testing.T) {
		t.Parallel()
		client := dial(t, redistest.URL(t))
		c, err := rediscounters.New(client, rediscounters.Config{
			Secret: secret, Prefix: strings.TrimSuffix(redistest.Prefix(t, client), ":"), Lease: 2, Pipeline: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4096 + 200 {
			takes(t, c, charge(fmt.Sprint("caller ", i), 5, 1))
		}
		for range 4 {
			if d := takes(t, c, charge("caller 7", 5, 1)); !d.Allowed {
				t.Errorf("%+v", d)
			}
		}
		if d := takes(t, c, charge("caller 7", 5, 1)); d.Allowed {
			t.Errorf("the sixth of five: %+v", d)
		}
	})
}

func TestChargesThatCannotBe(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	c := counters(t, client, redistest.Prefix(t, client))
	for name, wrong := range map[string][]ratelimit.Charge{
		"one counter twice": {charge("a", 5, 1), charge("a", 6, 1)},
		"no key":            {charge("", 5, 1)},
	} {
		if _, err := c.Peek(t.Context(), wrong, nil); err == nil {
			t.Errorf("%s: Peek said something", name)
		}
		if err := c.Refund(t.Context(), wrong); err == nil {
			t.Errorf("%s: Refund did something", name)
		}
		if err := c.Reset(t.Context(), wrong); err == nil {
			t.Errorf("%s: Reset did something", name)
		}
	}
}

func TestEngine(t *testing.T) {
	t.Parallel()
	t.Run("it checks its Config as New does", func(t *testing.T) {
		t.Parallel()
		client := redis.NewClient(&redis.Options{})
		defer func() { _ = client.Close() }()
		if c, err := rediscounters.Engine(client, rediscounters.Config{}); c != nil || err == nil || !strings.Contains(err.Error(), "Config.Secret") {
			t.Errorf("%v, %v", c, err)
		}
	})
	t.Run("what is given back can be taken again", func(t *testing.T) {
		t.Parallel()
		client := dial(t, redistest.URL(t))
		c := engine(t, client, redistest.Prefix(t, client))
		takes(t, c, charge("a", 5, 5))
		if err := c.Refund(t.Context(), []ratelimit.Charge{charge("a", 5, 2)}); err != nil {
			t.Fatal(err)
		}
		if d := takes(t, c, charge("a", 5, 2)); !d.Allowed || d.Status[0].Remaining != 0 {
			t.Errorf("%+v", d)
		}
	})
}
