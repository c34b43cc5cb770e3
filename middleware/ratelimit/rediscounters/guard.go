package rediscounters

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/circuit"
	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// guard returns what makes the calls of the server. The defaults must be set.
func (c Config) guard(client redis.UniversalClient) *redisclient.Guard {
	return &redisclient.Guard{
		Client: client, Timeout: c.Timeout, ProbeEvery: c.ProbeEvery, Now: c.Now, Pipelined: c.Pipeline, OnWait: c.OnWait,
	}
}

// failed makes an error of a call one of this package and of package ratelimit.
func failed(err error) error {
	switch {
	case errors.Is(err, circuit.ErrOpen):
		return fmt.Errorf("rediscounters: %w", ratelimit.ErrCircuitOpen)
	case redisclient.IsBusy(err):
		return fmt.Errorf("rediscounters: %w: %w", ratelimit.ErrBusy, err)
	}
	return fmt.Errorf("rediscounters: %w", err)
}
