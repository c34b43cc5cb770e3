package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/proxytest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// crowdOfOne is how many sessions the test gives one user. SALLYPORT_SESSIONS
// makes them more: 100000 is what the promise is about.
func crowdOfOne(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("SALLYPORT_SESSIONS"))
	if err != nil {
		return 3500
	}
	return n
}

// opensMany gives a user that many sessions.
func opensMany(t *testing.T, s *redisstore.Store, userID string, n int) (ids []string) {
	t.Helper()
	all := make([]string, n)
	errs := make(chan error, 16)
	for caller := range 16 {
		go func() {
			var err error
			for i := caller; i < n && err == nil; i += 16 {
				session := newSession(userID)
				all[i] = session.ID
				err = s.CreateSession(t.Context(), session)
			}
			errs <- err
		}()
	}
	for range 16 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// The time that it takes grows with the sessions, the round trips with their
// thousands, and no round trip keeps Redis busy with more than a thousand.
func TestFaultA16ManySessionsAreEndedAThousandAtATime(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	url := redistest.URL(t)
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := proxytest.Start(t, options.Addr)
	prefix := redistest.Prefix(t, dial(t, url))
	s := open(t, dial(t, strings.Replace(url, options.Addr, proxy.Addr, 1)), redisstore.Config{Prefix: prefix})
	n := crowdOfOne(t)
	all := opensMany(t, s, "ada", n)
	other := created(t, s, "grace")

	at := time.Now().UTC().Truncate(time.Microsecond)
	requests := proxy.Requests()
	began := time.Now()
	ids, err := s.RevokeUserSessions(t.Context(), "ada", "", at, at.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d sessions ended in %v", len(ids), time.Since(began))
	slices.Sort(ids)
	if !slices.Equal(ids, slices.Sorted(slices.Values(all))) {
		t.Errorf("%d IDs were returned, of %d sessions", len(ids), n)
	}
	began = time.Now()
	for some := range slices.Chunk(ids, 1000) {
		if err := s.DenySessions(t.Context(), some, at.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("and denied in %v", time.Since(began))
	// A pipeline of a thousand is some hundred kilobytes, which the proxy may read
	// in parts.
	if took := proxy.Requests() - requests; took > n/4 {
		t.Errorf("%d requests for %d sessions", took, n)
	}
	for _, id := range []string{all[0], all[n/2], all[n-1]} {
		err := s.AdvanceSession(t.Context(), id, 1, at, at.Add(time.Hour))
		denied, e := s.SessionDenied(t.Context(), id)
		if !errors.Is(err, store.ErrConflict) || e != nil || !denied {
			t.Errorf("%s can be advanced: %v; is denied: %v, %v", id, err, denied, e)
		}
	}
	if err := advance(t.Context(), s, other); err != nil {
		t.Errorf("another user's session: %v", err)
	}
}

// Wherever a call breaks off, another returns all sessions that have ended.
func TestFaultA8WhatWasEndedIsReturned(t *testing.T) {
	t.Parallel()
	url := redistest.URL(t)
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	prefix := redistest.Prefix(t, dial(t, url))
	direct := open(t, dial(t, url), redisstore.Config{Prefix: prefix})
	for _, lost := range []string{"zrange", "ended-sessions", "'revoked'", "zrem", "zrangebyscore"} {
		for _, reply := range []int{0, 1} {
			t.Run(fmt.Sprintf("a reply to %s is lost after %d bytes", lost, reply), func(t *testing.T) {
				t.Parallel()
				user := "user of " + t.Name()
				proxy := proxytest.Start(t, options.Addr)
				s := open(t, dial(t, strings.Replace(url, options.Addr, proxy.Addr, 1)), redisstore.Config{Prefix: prefix})
				all := opensMany(t, direct, user, 20)
				at := time.Now().UTC().Truncate(time.Microsecond)
				proxy.CutReply(reply, lost)
				if _, err := s.RevokeUserSessions(t.Context(), user, "", at, at.Add(-time.Hour)); err == nil || isSentinel(err) {
					t.Fatalf("the call that breaks off: %v", err)
				}
				if live, err := direct.UserSessions(t.Context(), user, store.Newest(), store.MaxPage); err != nil { // which tidies the list up
					t.Fatalf("UserSessions: %v, %v", live, err)
				}
				ids, err := direct.RevokeUserSessions(t.Context(), user, "", at.Add(time.Second), at.Add(-time.Hour))
				slices.Sort(ids)
				if err != nil || !slices.Equal(ids, slices.Sorted(slices.Values(all))) {
					t.Errorf("the second call returned %d of %d, %v", len(ids), len(all), err)
				}
				if live, err := direct.UserSessions(t.Context(), user, store.Newest(), store.MaxPage); err != nil || len(live) > 0 {
					t.Errorf("UserSessions: %v, %v", live, err)
				}
			})
		}
	}
}

// Records from before there were versions are read, and have none.
func TestRecordsFromBeforeThereWereVersions(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	prefix := redistest.Prefix(t, client)
	s := open(t, client, redisstore.Config{Prefix: prefix})
	session, k := newSession("ada"), newKey("ada")
	session.CredentialVersion, k.CredentialVersion = "7", "7"
	for _, err := range []error{
		s.CreateSession(t.Context(), session), s.CreateAPIKey(t.Context(), k),
		client.HDel(t.Context(), prefix+"session:"+session.ID, "version").Err(),
		client.HDel(t.Context(), prefix+"apikey:"+k.ID, "version").Err(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Session(t.Context(), session.ID)
	key, e := s.APIKey(t.Context(), k.Digest)
	if err := errors.Join(err, e); err != nil || got.CredentialVersion+key.CredentialVersion != "" {
		t.Errorf("the versions are %q and %q, %v", got.CredentialVersion, key.CredentialVersion, err)
	}
	if err := advance(context.WithoutCancel(t.Context()), s, session); err != nil {
		t.Error(err)
	}
}
