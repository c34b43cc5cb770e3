package rediscounters_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
)

// withRules returns a client of a user who has these rules only.
func withRules(t *testing.T, server *redistest.Server, name, rules string) *redis.Client {
	t.Helper()
	admin := dial(t, server.URL())
	args := []any{"acl", "setuser", name, "reset", "on", ">right"}
	for rule := range strings.FieldsSeq(rules) {
		args = append(args, rule)
	}
	if err := admin.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
	return dial(t, fmt.Sprintf("redis://%s:right@%s", name, server.Addr))
}

// The rules that New and the docs advise are exactly what counters need.
func TestFaultC4ACL(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	rules := rediscounters.ACL("sallyport:count:", false)
	kinds := map[string]func(*redis.Client) (ratelimit.Counters, error){
		"New": func(client *redis.Client) (ratelimit.Counters, error) {
			return rediscounters.New(client, rediscounters.Config{Secret: secret, Timeout: patience, Lease: 10})
		},
		"Engine": func(client *redis.Client) (ratelimit.Counters, error) {
			return rediscounters.Engine(client, rediscounters.Config{Secret: secret, Timeout: patience})
		},
	}
	t.Run("counters with exactly these rules work whole", func(t *testing.T) {
		t.Parallel()
		for name, kind := range kinds {
			c, err := kind(withRules(t, server, "exact"+name, rules))
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range algorithms {
				if name == "Engine" && a != ratelimit.FixedWindow {
					continue
				}
				one := by(a, charge("a", 100, 1))
				one.Group, one.Source = ratelimit.GroupAttempts, "192.0.2.1"
				for range 3 {
					takes(t, c, one)
				}
				all := []ratelimit.Charge{one}
				if _, err := c.Peek(t.Context(), all, nil); err != nil {
					t.Errorf("%s, %v: Peek: %v", name, a, err)
				}
				if err := c.Refund(t.Context(), all); err != nil {
					t.Errorf("%s, %v: Refund: %v", name, a, err)
				}
				if err := c.Reset(t.Context(), all); err != nil {
					t.Errorf("%s, %v: Reset: %v", name, a, err)
				}
			}
		}
	})
	t.Run("without any one of them New and Engine name it", func(t *testing.T) {
		t.Parallel()
		for i, rule := range strings.Fields(rules) {
			if rule == "+info" { // without it New believes the server
				continue
			}
			named := "it does not allow " + strings.ToUpper(strings.TrimPrefix(rule, "+"))
			if strings.HasPrefix(rule, "~") {
				named = "NOPERM"
			}
			client := withRules(t, server, fmt.Sprint("lacks", i), strings.Replace(rules+" ", rule+" ", "", 1))
			for name, kind := range kinds {
				c, err := kind(client)
				if c != nil || err == nil || !strings.Contains(err.Error(), rules) || !strings.Contains(err.Error(), named) {
					t.Errorf("%s without %s: %v", name, rule, err)
				}
			}
		}
	})
	t.Run("the rules name every command of the scripts", func(t *testing.T) {
		t.Parallel()
		files, err := filepath.Glob("*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range regexp.MustCompile(`redis\.p?call\('(\w+)'`).FindAllSubmatch(text, -1) {
				if !strings.Contains(rules+" ", " +"+strings.ToLower(string(call[1]))+" ") {
					t.Errorf("%s calls %s", file, call[1])
				}
			}
		}
	})
	t.Run("the docs have these rules", func(t *testing.T) {
		t.Parallel()
		text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "choosing-a-store.md"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\nACL SETUSER counters on >password "+rules+"\n") {
			t.Errorf("docs/choosing-a-store.md must have the line\nACL SETUSER counters on >password %s", rules)
		}
	})
}
