package main

import (
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/store/redisstore"
)

// redisClient returns a client of one server or of a Cluster.
func (at place) redisClient() (redis.UniversalClient, error) {
	address := *at.url
	if address.Scheme == "redis-cluster" || address.Query().Has("addr") {
		address.Scheme = strings.TrimSuffix(address.Scheme, "-cluster")
		o, err := redisstore.ClusterOptions(address.String())
		if err != nil {
			return nil, usageError{err}
		}
		return redis.NewClusterClient(o), nil
	}
	o, err := redisstore.Options(address.String())
	if err != nil {
		return nil, usageError{err}
	}
	return redis.NewClient(o), nil
}
