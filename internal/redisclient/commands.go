package redisclient

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Commands are all commands that a package sends to a server, each with arguments that
// work, in an order in which they work one after another. The word "key" stands for a
// key of the package's own.
type Commands struct {
	Sent     []string // by the client
	Scripted []string // by scripts
}

// ACL returns the rules that a user on the server needs for these commands, and for
// keys that begin with a prefix, as the command ACL SETUSER takes them. INFO is among
// them: Inspect cannot find anything wrong without it.
func (c Commands) ACL(prefix string, cluster bool) string {
	names := []string{"eval", "evalsha", "info"}
	if cluster {
		names = append(names, "asking", "cluster", "command")
	}
	for _, command := range slices.Concat(c.Sent, c.Scripted) {
		names = append(names, strings.ToLower(strings.Fields(command)[0]))
	}
	slices.Sort(names)
	return "~" + prefix + "* +" + strings.Join(slices.Compact(names), " +")
}

// trying runs the commands in the lines of ARGV[1], and returns the names of those that
// the user may not run. Another error ends it. Redis and Valkey refuse a command of a script
// in different words.
//
//nolint:dupword // where one block of Lua ends, another does
var trying = NewScript(`
local missing = {}
for line in string.gmatch(ARGV[1], '[^\n]+') do
	local words = {}
	for word in string.gmatch(line, '%S+') do
		words[#words + 1] = word == 'key' and KEYS[1] or word
	end
	local reply = redis.pcall(unpack(words))
	if type(reply) == 'table' and reply.err then
		if string.find(reply.err, 'NOPERM', 1, true) or string.find(reply.err, "can't run this command", 1, true) or string.find(reply.err, 'has no permissions to run', 1, true) then
			missing[#missing + 1] = words[1]
		elseif #missing == 0 then
			return reply
		end
	end
end
redis.pcall('DEL', KEYS[1])
return missing`)

// permissionError is an error of Try about the ACL of the user.
type permissionError struct {
	missing []string
	rules   string
	cause   error
}

func (e *permissionError) Error() string {
	text := "this user's ACL on the server must have the rules " + e.rules
	if len(e.missing) > 0 {
		text += "; it does not allow " + strings.Join(e.missing, ", ")
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

func (e *permissionError) Unwrap() error { return e.cause }

// Is makes Stays report true.
func (*permissionError) Is(target error) bool { return target == errServer }

// Try runs all commands on a key that begins with a prefix, and deletes it. If the user
// may not run some of them, or may not use the key, the error names the commands and
// has the rules that the ACL needs. On a Cluster one node is tried. Other errors are the server's or the network's.
func (c Commands) Try(ctx context.Context, client redis.UniversalClient, prefix, key string) error {
	_, cluster := client.(*redis.ClusterClient)
	denied := &permissionError{rules: c.ACL(prefix, cluster)}
	for name, script := range map[string]string{"eval": trying.text, "evalsha": trying.sha} {
		cmd := command(ctx, name, script, []string{key}, []any{strings.Join(c.Scripted, "\n")})
		err := client.Process(ctx, cmd)
		if redis.HasErrorPrefix(err, "NOSCRIPT") { // it came before the text
			continue
		}
		if err := denied.note(name, err); err != nil {
			return err
		}
		if names, err := cmd.StringSlice(); err == nil {
			denied.missing = append(denied.missing, names...)
		}
	}
	pipe := client.Pipeline()
	for _, line := range c.Sent {
		args := []any{}
		for word := range strings.FieldsSeq(line) {
			if word == "key" {
				word = key
			}
			args = append(args, word)
		}
		pipe.Do(ctx, args...)
	}
	replies, _ := pipe.Exec(ctx) // the errors are in the replies
	for _, reply := range replies {
		if err := denied.note(strings.ToUpper(reply.Name()), reply.Err()); err != nil {
			return err
		}
	}
	if len(denied.missing) == 0 {
		return nil
	}
	slices.Sort(denied.missing)
	denied.missing = slices.Compact(denied.missing)
	return denied
}

// note notes a command that the user may not run. It returns all other errors.
func (e *permissionError) note(name string, err error) error {
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return nil
	case len(e.missing) > 0 && redis.HasErrorPrefix(err, "WRONGTYPE"): // what would have deleted the key is missing
		return nil
	case !redis.HasErrorPrefix(err, "NOPERM"):
		return err
	case strings.Contains(err.Error(), " key"):
		return &permissionError{rules: e.rules, cause: err}
	}
	e.missing = append(e.missing, strings.ToUpper(name))
	return nil
}
