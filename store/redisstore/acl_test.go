package redisstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store/redisstore"
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

// worksWhole calls all methods of a store.
func worksWhole(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	s, err := redisstore.New(t.Context(), client, redisstore.Config{Users: noUsers{}, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	session, k := newSession("ada"), newKey("ada")
	k.ExpiresAt = k.CreatedAt.Add(time.Hour)
	for range 2 { // what was, and what is there already
		for _, c := range calls(s, session, k) {
			if err := c.do(t.Context()); err != nil && !isSentinel(err) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
	if gone, err := s.DeleteExpiredAPIKeys(t.Context(), k.ExpiresAt.Add(time.Hour)); err != nil {
		t.Errorf("DeleteExpiredAPIKeys: %d, %v", gone, err)
	}
}

// The rules that New and the docs advise are exactly what a store needs.
func TestFaultC4ACL(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	rules := redisstore.ACL("sallyport:", false)
	t.Run("a store with exactly these rules works whole", func(t *testing.T) {
		t.Parallel()
		worksWhole(t, withRules(t, server, "exact", rules))
	})
	t.Run("on a Cluster too", func(t *testing.T) {
		t.Parallel()
		nodes := redistest.Cluster(t, 0)
		for _, addr := range nodes {
			admin := redis.NewClient(&redis.Options{Addr: addr})
			t.Cleanup(func() { _ = admin.Close() })
			args := []any{"acl", "setuser", "app", "on", ">right"}
			for rule := range strings.FieldsSeq(redisstore.ACL("sallyport:", true)) {
				args = append(args, rule)
			}
			if err := admin.Do(t.Context(), args...).Err(); err != nil {
				t.Fatal(err)
			}
		}
		worksWhole(t, dialCluster(t, []string{"app:right@" + nodes[0], nodes[1]}))
	})
	t.Run("without any one of them New names it", func(t *testing.T) {
		t.Parallel()
		for i, rule := range strings.Fields(rules) {
			if rule == "+info" { // without it New believes the server
				continue
			}
			client := withRules(t, server, fmt.Sprint("lacks", i), strings.Replace(rules+" ", rule+" ", "", 1))
			named := "it does not allow " + strings.ToUpper(strings.TrimPrefix(rule, "+"))
			if strings.HasPrefix(rule, "~") {
				named = "NOPERM"
			}
			t.Run(rule, func(t *testing.T) {
				t.Parallel()
				refused(t, client, good, "ACL", rules, named)
			})
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
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", "choosing-a-store.md"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\nACL SETUSER app on >password "+rules+"\n") {
			t.Errorf("docs/choosing-a-store.md must have the line\nACL SETUSER app on >password %s", rules)
		}
	})
}
