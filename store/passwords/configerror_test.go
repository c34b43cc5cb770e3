package passwords_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/store/passwords"
)

func TestEachFieldOfAConfigIsChecked(t *testing.T) {
	t.Parallel()
	type of = configtest.Case[passwords.Config]
	configtest.Run(t, "passwords", func() passwords.Config { return passwords.Config{} }, func(c passwords.Config) error {
		_, err := passwords.New(c)
		return err
	}, []of{
		{Name: "too little", Path: "Config.Memory", Got: "got 64", Edit: func(c *passwords.Config) { c.Memory = 64 }},
		{Name: "too much work", Path: "Config.Time", Got: "got ", Edit: func(c *passwords.Config) { c.Time = 20000 }},
		{Name: "too many", Path: "Config.Threads", Got: "got 65", Edit: func(c *passwords.Config) { c.Threads = 65 }},
		{Name: "less than nothing", Path: "Config.Concurrent", Got: "got -1", Edit: func(c *passwords.Config) { c.Concurrent = -1 }},
		{Name: "less than nothing", Path: "Config.Queue", Got: "got -2", Edit: func(c *passwords.Config) { c.Queue = -2 }},
	})
}
