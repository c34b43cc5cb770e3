package rediscounters

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
)

// careful is the client that ulule's driver gets. The driver loads a script that
// charges (with a count and a period) and one that peeks (with neither), and runs
// them by their hashes. careful keeps their texts itself, so that loading needs
// no server, and a server that has lost them gets the text instead of returning
// an error.
type careful struct {
	redis.UniversalClient

	guard      *redisclient.Guard
	inspection *inspection
	scripts    sync.Map // of redisclient.Script, by SHA
}

// ScriptLoad keeps the script.
func (c *careful) ScriptLoad(ctx context.Context, text string) *redis.StringCmd {
	script := redisclient.NewScript(text)
	c.scripts.Store(script.SHA(), script)
	cmd := redis.NewStringCmd(ctx, "script", "load", text)
	cmd.SetVal(script.SHA())
	return cmd
}

var (
	// refunding gives back what was charged, but never more than was: a counter
	// whose window has ended meanwhile would begin with a credit. A counter with
	// nothing left is deleted.
	refunding = redisclient.NewScript(`
local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
local back = math.min(spent, -tonumber(ARGV[1]))
if back > 0 then spent = redis.call('DECRBY', KEYS[1], back) end
if spent <= 0 then redis.call('DEL', KEYS[1]) end
return {spent, redis.call('PTTL', KEYS[1])}`)

	// ending gives a counter without an expiry one.
	ending = redisclient.NewScript(`
if redis.call('PTTL', KEYS[1]) ~= -1 then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])`)
)

// noEnd is the time to live of a key without an expiry.
const noEnd = int64(-1)

// EvalSha runs a script that ScriptLoad has kept, once.
func (c *careful) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	script, _ := c.scripts.Load(sha)
	run := script.(redisclient.Script) //nolint:forcetypeassert // the driver has loaded it
	var cmd *redis.Cmd
	err := c.guard.Call(ctx, keys[0], func(ctx context.Context) error {
		if err := c.inspection.check(ctx); err != nil {
			return err
		}
		cmd = c.run(ctx, run, keys[0], args)
		return cmd.Err()
	})
	if err != nil {
		cmd = redis.NewCmd(ctx)
		cmd.SetErr(failed(err))
	}
	return cmd
}

// run runs a script, and mends its counter.
func (c *careful) run(ctx context.Context, script redisclient.Script, key string, args []any) *redis.Cmd {
	if len(args) != 2 {
		return script.Run(ctx, c.UniversalClient, key, args...)
	}
	if count, ok := args[0].(int64); ok && count < 0 {
		script = refunding
	}
	cmd := script.Run(ctx, c.UniversalClient, key, args...)
	if reply, _ := cmd.Slice(); len(reply) == 2 && reply[1] == noEnd {
		if err := ending.Run(ctx, c.UniversalClient, key, args[1]).Err(); err != nil {
			cmd.SetErr(err)
		}
	}
	return cmd
}
