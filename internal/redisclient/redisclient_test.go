package redisclient_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCheck(t *testing.T) {
	t.Parallel()
	single := func(o redis.Options) redis.UniversalClient { return redis.NewClient(&o) }
	cluster := func(o redis.ClusterOptions) redis.UniversalClient { return redis.NewClusterClient(&o) }
	for name, test := range map[string]struct {
		client redis.UniversalClient
		says   []string
	}{
		"a good client":                                     {single(redis.Options{ContextTimeoutEnabled: true}), nil},
		"a good Cluster":                                    {cluster(redis.ClusterOptions{ContextTimeoutEnabled: true}), nil},
		"a client that ignores deadlines":                   {single(redis.Options{}), []string{"ContextTimeoutEnabled"}},
		"a Cluster client that reads from replicas":         {cluster(redis.ClusterOptions{ReadOnly: true}), []string{"ContextTimeoutEnabled", "ReadOnly"}},
		"a Cluster client that reads from the nearest node": {cluster(redis.ClusterOptions{ContextTimeoutEnabled: true, RouteByLatency: true}), []string{"RouteByLatency"}},
		"a client with a cache": {
			single(redis.Options{ContextTimeoutEnabled: true, ClientSideCacheConfig: &redis.ClientSideCacheConfig{}}),
			[]string{"ClientSideCacheConfig"},
		},
		"a Ring": {redis.NewRing(&redis.RingOptions{}), []string{"*redis.Ring"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() { _ = test.client.Close() }()
			err := check(test.client)
			if test.says == nil && err != nil {
				t.Error(err)
			}
			for _, part := range test.says {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("%v does not say %q", err, part)
				}
			}
		})
	}
	for name, client := range map[string]redis.UniversalClient{
		"a nil interface": nil, "a nil *redis.Client": (*redis.Client)(nil), "a nil *redis.ClusterClient": (*redis.ClusterClient)(nil),
	} {
		if err := check(client); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}

// check returns all that Check complains of.
func check(client redis.UniversalClient) error {
	wrong := configcheck.List{Package: "redisstore"}
	redisclient.Check(client, wrong.At(""))
	return wrong.Err()
}

func TestScript(t *testing.T) {
	t.Parallel()
	options, err := redis.ParseURL(redistest.Start(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	s := redisclient.NewScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
	for i, known := range []bool{false, true} {
		if got := client.ScriptExists(t.Context(), s.SHA()).Val(); len(got) != 1 || got[0] != known {
			t.Errorf("call %d: the server knows the script: %v", i, got)
		}
		if n, err := s.Run(t.Context(), client, "k", 2).Int64(); err != nil || n != int64(2*i+2) {
			t.Errorf("call %d: %d, %v", i, n, err)
		}
	}
}
