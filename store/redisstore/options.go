package redisstore

import (
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// patience is how long the client waits for a connection, for a free one and for
// a response if the context has no earlier deadline.
const patience = 2 * time.Second

var errURL = errors.New("redisstore: must be a URL such as redis://user:password@host:6379/0, escaped (/ in a password is %2F), and no options in its query but those of go-redis")

// Options parses a URL (redis://user:password@host:6379/0, rediss:// for TLS,
// unix:///path) into options for redis.NewClient. It replaces defaults of
// go-redis: the deadline of a context is respected, no wait is longer than 2 s,
// and an error is returned at once instead of being retried. What the URL's query
// sets is kept, except for ContextTimeoutEnabled.
//
// The error never contains the URL, because a password may be in it.
func Options(rawURL string) (*redis.Options, error) {
	o, err := redis.ParseURL(rawURL)
	if err != nil {
		return nil, errURL // the text of err may contain the password
	}
	o.ContextTimeoutEnabled = true
	for _, wait := range []*time.Duration{&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolTimeout} {
		unlessSet(wait, patience)
	}
	unlessSet(&o.MaxRetries, -1)
	unlessSet(&o.DialerRetries, 1)
	return o, nil
}

// ClusterOptions is Options for redis.NewClusterClient. The URL names one node of
// the Cluster, or more as redis://host:7000?addr=host2:7000; the client asks them
// for the others. Redirections are followed.
func ClusterOptions(rawURL string) (*redis.ClusterOptions, error) {
	o, err := redis.ParseClusterURL(rawURL)
	if err != nil {
		return nil, errURL
	}
	o.ContextTimeoutEnabled = true
	for _, wait := range []*time.Duration{&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolTimeout} {
		unlessSet(wait, patience)
	}
	unlessSet(&o.DialerRetries, 1)
	return o, nil
}

func unlessSet[T comparable](option *T, value T) {
	var unset T
	if *option == unset {
		*option = value
	}
}
