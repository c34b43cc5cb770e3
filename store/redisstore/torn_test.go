package redisstore_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// A server that is killed while it writes may leave a part of a script's effects in its
// append-only file. When it starts it discards them, but leaves them in the file, and
// executes them at its next start, together with what it wrote after them. Whichever part
// that is, a session is not moved on twice by one advance.
func TestEffectsThatWereWrittenInPartMoveNothingTwice(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	client := dial(t, server.URL())
	s := open(t, client, redisstore.Config{})
	folder, err := client.ConfigGet(t.Context(), "dir").Result()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder["dir"], "appendonlydir", "appendonly.aof.1.incr.aof")
	size := func() int64 {
		t.Helper()
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	n := created(t, s, "ada")
	advance := func(from int64) {
		t.Helper()
		if err := s.AdvanceSession(t.Context(), n.ID, from, n.AdvancedAt.Add(time.Minute), n.IdleUntil); err != nil {
			t.Fatalf("AdvanceSession from %d: %v", from, err)
		}
	}
	before := size()
	advance(n.Generation)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	commands := bytes.Count(whole[before:], []byte("\r\n*")) // behind the first
	if commands < 2 {
		t.Fatalf("the script has no effects that could be written in part: %q", whole[before:])
	}
	part := int(before)
	for range commands { // the server is killed in the middle of each
		part += bytes.Index(whole[part:], []byte("\r\n*")) + 3
		server.Kill()
		if err := os.WriteFile(file, whole[:part+2], 0o600); err != nil { //nolint:gosec // it is the server's
			t.Fatal(err)
		}
		if !server.Run(t) {
			t.Fatal("the server does not start")
		}
		advance(n.Generation) // the client got no answer, and asks again
		server.Kill()
		if !server.Run(t) {
			t.Fatal("the server does not start")
		}
		got, err := s.Session(t.Context(), n.ID)
		if err != nil || got.Generation != n.Generation+1 {
			t.Errorf("after %d of %d bytes: generation %d, %v; want %d", part+2-int(before), len(whole)-int(before), got.Generation, err, n.Generation+1)
		}
	}
}
