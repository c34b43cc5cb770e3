package remotekeys_test

import (
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/tokens/remotekeys"
)

func TestEachFieldOfAConfigIsChecked(t *testing.T) {
	t.Parallel()
	type of = configtest.Case[remotekeys.Config]
	good := func() remotekeys.Config { return remotekeys.Config{URL: "https://issuer.example/jwks"} }
	configtest.Run(t, "remotekeys", good, func(c remotekeys.Config) error {
		s, err := remotekeys.New(c)
		if err == nil {
			return s.Close()
		}
		return err
	}, []of{
		{Name: "no URL", Path: "Config.URL", Got: "is required", Edit: func(c *remotekeys.Config) { c.URL = "" }},
		{Name: "http", Path: "Config.URL", Got: "must be https", Edit: func(c *remotekeys.Config) { c.URL = "http://issuer.example" }, Alone: true},
		{Name: "less than nothing", Path: "Config.RefreshAfter", Got: "got -1s", Edit: func(c *remotekeys.Config) { c.RefreshAfter = -time.Second }},
		{Name: "less than nothing", Path: "Config.KeepFor", Got: "got -1s", Edit: func(c *remotekeys.Config) { c.KeepFor = -time.Second }},
		{Name: "less than RefreshAfter", Path: "Config.KeepFor", Got: "got 1m0s", Edit: func(c *remotekeys.Config) { c.KeepFor = time.Minute }, Alone: true},
		{Name: "less than nothing", Path: "Config.Pause", Got: "got -1ns", Edit: func(c *remotekeys.Config) { c.Pause = -1 }},
		{Name: "less than nothing", Path: "Config.Timeout", Got: "got -1ns", Edit: func(c *remotekeys.Config) { c.Timeout = -1 }},
	})
}
