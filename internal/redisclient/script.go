package redisclient

import (
	"context"
	"crypto/sha1" //nolint:gosec // the name of a script on a server, and no secret
	"encoding/hex"

	"github.com/redis/go-redis/v9"
)

// Script is a Lua script that works on one key, or on several keys of one hash slot.
// Redis runs it atomically.
type Script struct{ text, sha string }

// NewScript returns a Script with this Lua text.
func NewScript(text string) Script {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // the name, as above
	return Script{text: text, sha: hex.EncodeToString(sum[:])}
}

// SHA returns the name of the script on a server: the SHA-1 of its text in hex.
func (s Script) SHA() string { return s.sha }

// Run runs the script on a key. A server that does not have it, because it was
// restarted or its scripts were flushed, is sent its text in the same call.
//
// The server runs the script at most once. After an error it may have run or not.
// The client does not send a script again that the server may have received,
// whatever its MaxRetries: a retry after a lost reply would find the changes of the
// first run, and take them for those of another caller.
func (s Script) Run(ctx context.Context, client redis.UniversalClient, key string, args ...any) *redis.Cmd {
	return s.RunKeys(ctx, client, []string{key}, args...)
}

// RunKeys is Run on several keys of one hash slot.
func (s Script) RunKeys(ctx context.Context, client redis.UniversalClient, keys []string, args ...any) *redis.Cmd {
	cmd := command(ctx, "evalsha", s.sha, keys, args)
	_ = client.Process(ctx, cmd) // the error is in cmd
	if !redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		return cmd.Cmd
	}
	cmd = command(ctx, "eval", s.text, keys, args)
	_ = client.Process(ctx, cmd)
	return cmd.Cmd
}

// Command returns the command that Run sends to a server without the script, for use
// in a pipeline.
func (s Script) Command(ctx context.Context, key string, args ...any) Once {
	return s.CommandKeys(ctx, []string{key}, args...)
}

// CommandKeys is Command on several keys of one hash slot.
func (s Script) CommandKeys(ctx context.Context, keys []string, args ...any) Once {
	return command(ctx, "eval", s.text, keys, args)
}

// Once is a command that the client sends at most once.
type Once struct{ *redis.Cmd }

// NoRetry returns true. go-redis calls it before a retry.
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
