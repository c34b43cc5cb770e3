package redisclient

import (
	"context"
	"crypto/sha1" //nolint:gosec // the name by which a server knows a script, and no secret
	"encoding/hex"

	"github.com/redis/go-redis/v9"
)

// Script is a Lua script that works on one key, or on several that a Cluster keeps
// together. Redis runs it as one step: nobody sees half of it.
type Script struct{ text, sha string }

// NewScript makes a Script of its text.
func NewScript(text string) Script {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // the name, as above
	return Script{text: text, sha: hex.EncodeToString(sum[:])}
}

// SHA is the name by which a server knows the script.
func (s Script) SHA() string { return s.sha }

// Run runs the script on a key. A server that does not have it, because it was
// restarted or its scripts were flushed, is sent its text in the same call.
//
// The server runs it once or, after an error, perhaps not at all: however often
// the client is told to retry, a script is not sent again once it may have been
// received. A retry after a lost reply would find its own work done, and take it
// for somebody else's.
func (s Script) Run(ctx context.Context, client redis.UniversalClient, key string, args ...any) *redis.Cmd {
	return s.RunKeys(ctx, client, []string{key}, args...)
}

// RunKeys is Run on several keys.
func (s Script) RunKeys(ctx context.Context, client redis.UniversalClient, keys []string, args ...any) *redis.Cmd {
	cmd := command(ctx, "evalsha", s.sha, keys, args)
	_ = client.Process(ctx, cmd) // it is in cmd
	if !redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		return cmd.Cmd
	}
	cmd = command(ctx, "eval", s.text, keys, args)
	_ = client.Process(ctx, cmd)
	return cmd.Cmd
}

// Command is what Run sends a server that does not have the script: for
// pipelines.
func (s Script) Command(ctx context.Context, key string, args ...any) Once {
	return command(ctx, "eval", s.text, []string{key}, args)
}

// Once is a command that no client sends again.
type Once struct{ *redis.Cmd }

// NoRetry is how the client is told.
func (Once) NoRetry() bool { return true }

func command(ctx context.Context, name, script string, keys []string, args []any) Once {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, name, script, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	cmd := redis.NewCmd(ctx, append(all, args...)...)
	cmd.SetFirstKeyPos(3)
	return Once{cmd}
}
