package memstore_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/store/memstore"
)

func TestEachFieldOfAConfigIsChecked(t *testing.T) {
	t.Parallel()
	type of = configtest.Case[memstore.Config]
	configtest.Run(t, "memstore", func() memstore.Config { return memstore.Config{} }, func(c memstore.Config) error {
		_, err := memstore.New(c)
		return err
	}, []of{
		{Name: "less than nothing", Path: "Config.MaxSessions", Got: "got -1", Edit: func(c *memstore.Config) { c.MaxSessions = -1 }},
		{Name: "less than nothing", Path: "Config.MaxKeys", Got: "got -2", Edit: func(c *memstore.Config) { c.MaxKeys = -2 }},
	})
}
