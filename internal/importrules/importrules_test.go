// Package importrules_test holds the house to its plan: which room may know which.
// There is nothing here but tests; nothing is shipped.
package importrules_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	house = "github.com/sallyport-go/sallyport"

	jwt    = "github.com/golang-jwt/jwt/v5"
	ulule  = "github.com/ulule/limiter/v3"
	echo   = "github.com/labstack/echo/v4"
	redis  = "github.com/redis/go-redis/v9"
	crypto = "golang.org/x/crypto"
	text   = "golang.org/x/text"

	porcupine = "github.com/anishathalye/porcupine"
)

// brings says which modules come along with a lodger: what it links, not all
// that its go.mod names.
var brings = map[string][]string{
	crypto: {"golang.org/x/sys"},
	ulule:  {"github.com/pkg/errors"},
	redis:  {"github.com/cespare/xxhash/v2", "go.uber.org/atomic", "golang.org/x/sys"},
	echo: {
		"github.com/labstack/gommon",
		"github.com/mattn/go-colorable",
		"github.com/mattn/go-isatty",
		"github.com/valyala/bytebufferpool",
		"github.com/valyala/fasttemplate",
		"golang.org/x/net",
		"golang.org/x/text",
	},
}

// arrow says what a room may know.
type arrow struct {
	promise string   // what a host may rely on while the arrow holds
	room    string   // the package, as its folder is called
	knows   []string // rooms that it may import
	lodgers []string // modules that it may import
	never   []string // packages and modules that it must not reach by any way
}

var arrows = []arrow{
	{
		promise: "the contracts need the standard library only",
		room:    "store",
		never:   []string{"net/http"},
	},
	{
		promise: "the hasher needs x/crypto and x/text only, so a host can use it alone",
		room:    "store/passwords",
		knows:   []string{"internal/caller"},
		lodgers: []string{crypto, text},
		never:   []string{"net/http"},
	},
	{
		promise: "the memory store needs the contracts and the hasher",
		room:    "store/memstore",
		knows:   []string{"store", "store/passwords"},
		never:   []string{"net/http"},
	},
	{
		promise: "the suite brings a checker of histories to the tests of a host, and nothing else",
		room:    "store/storetest",
		knows:   []string{"store"},
		lodgers: []string{porcupine},
		never:   []string{"net/http"},
	},
	{
		promise: "the keys need golang-jwt only, and no other package needs it",
		room:    "tokens/keys",
		lodgers: []string{jwt},
		never:   []string{"net/http"},
	},
	{
		promise: "events need the standard library only",
		room:    "tokens/events",
		never:   []string{"net/http"},
	},
	{
		promise: "tokens are made and verified without a web server",
		room:    "tokens",
		knows:   []string{"tokens/events", "store", "tokens/keys", "internal/caller"},
		lodgers: []string{crypto},
		never:   []string{"net/http"},
	},
	{
		promise: "keys are fetched by a leaf on the tokens, with the standard library's client",
		room:    "tokens/remotekeys",
		knows:   []string{"tokens/keys"},
		never:   []string{echo, redis, ulule},
	},
	{
		promise: "the hostile matrix adds nothing to the go.sum of a host that aims it at its door",
		room:    "tokens/tokentest",
		knows:   []string{"tokens", "tokens/keys", "internal/forge"},
		never:   []string{echo, redis, ulule},
	},
	{
		promise: "a net/http host links neither Echo nor a Redis client",
		room:    "middleware",
		knows:   []string{"store", "tokens", "tokens/events", "middleware/ratelimit", "middleware/wire", "internal/network"},
		never:   []string{echo, redis},
	},
	{
		promise: "wire formats read and write, and decide nothing: they know no store",
		room:    "middleware/wire",
		knows:   []string{"tokens", "middleware/ratelimit"},
		never:   []string{echo, redis},
	},
	{
		promise: "rate limits know no tokens, and link neither golang-jwt nor x/crypto",
		room:    "middleware/ratelimit",
		knows:   []string{"internal/keytable", "internal/network"},
		lodgers: []string{ulule},
		never:   []string{echo, redis, jwt, crypto, house + "/tokens", house + "/store"},
	},
	{
		promise: "the client's address is told with the standard library only",
		room:    "middleware/clientip",
	},
	{
		promise: "networks are told with the standard library only",
		room:    "internal/network",
		never:   []string{"net/http"},
	},
	{
		promise: "the Echo adapter is a leaf on the middleware and links no Redis client",
		room:    "middleware/echov4",
		knows:   []string{"middleware", "middleware/ratelimit", "middleware/wire", "tokens", "tokens/events"},
		lodgers: []string{echo},
		never:   []string{redis},
	},
	{
		promise: "no driver comes along with the SQL store",
		room:    "store/sqlstore",
		knows:   []string{"store", "store/passwords"},
		lodgers: []string{crypto},
		never:   []string{"net/http"},
	},
	{
		promise: "the store on Redis needs the contracts and the Redis client",
		room:    "store/redisstore",
		knows:   []string{"store", "internal/redisclient"},
		lodgers: []string{redis},
		never:   []string{"net/http"},
	},
	{
		promise: "the counters on Redis are a leaf on the rate limits",
		room:    "middleware/ratelimit/rediscounters",
		knows:   []string{"middleware/ratelimit", "internal/redisclient"},
		lodgers: []string{redis, ulule},
		never:   []string{echo, jwt, crypto, house + "/tokens"},
	},
	{
		promise: "the suite for counters adds nothing to the go.sum of a host that uses it",
		room:    "middleware/ratelimit/countertest",
		knows:   []string{"middleware/ratelimit"},
		never:   []string{echo, redis, jwt, crypto, house + "/tokens"},
	},
	{
		promise: "who hashes a password is told with the standard library alone",
		room:    "internal/caller",
		never:   []string{"net/http"},
	},
	{
		promise: "what forges tokens knows none of those that read them",
		room:    "internal/forge",
	},
	{
		promise: "the table of the counters in memory knows nobody",
		room:    "internal/keytable",
		never:   []string{"net/http"},
	},
	{
		promise: "what the rooms on Redis have in common knows none of them",
		room:    "internal/redisclient",
		lodgers: []string{redis},
		never:   []string{"net/http"},
	},
	{
		promise: "what skips tests knows nobody",
		room:    "internal/skip",
		never:   []string{"net/http"},
	},
	{
		promise: "what gives tests a network that fails knows none of the rooms",
		room:    "internal/proxytest",
		never:   []string{"net/http"},
	},
	{
		promise: "what gives tests a Redis knows none of the rooms",
		room:    "internal/redistest",
		knows:   []string{"internal/skip"},
		lodgers: []string{redis},
		never:   []string{"net/http"},
	},
}

func TestArrows(t *testing.T) {
	t.Parallel()
	packages := list(t)

	for _, a := range arrows {
		t.Run(a.promise, func(t *testing.T) {
			t.Parallel()
			for _, breach := range breaches(packages, arrows, a) {
				t.Error(breach)
			}
		})
	}

	t.Run("every room has an arrow", func(t *testing.T) {
		t.Parallel()
		for name, p := range packages {
			room, ours := strings.CutPrefix(name, house+"/")
			if !ours || len(p.GoFiles) == 0 {
				continue
			}
			if !slices.ContainsFunc(arrows, func(a arrow) bool { return a.room == room }) {
				t.Errorf("%s is not in the table of arrows: say there what it may know", room)
			}
		}
	})
}

// breaches says where the packages leave the arrow a. The plan tells what comes
// along with the rooms that a knows.
func breaches(packages map[string]pkg, plan []arrow, a arrow) []string {
	self := house + "/" + a.room
	if _, ok := packages[self]; !ok {
		return []string{a.room + ": no such package"}
	}

	var found []string
	for _, name := range packages[self].Imports {
		room, ours := strings.CutPrefix(name, house+"/")
		switch {
		case packages[name].Module == nil: // the standard library
		case ours && !slices.Contains(a.knows, room):
			found = append(found, fmt.Sprintf("%s imports %s, which it may not know", a.room, room))
		case !ours && !slices.ContainsFunc(a.lodgers, holds(name)):
			found = append(found, fmt.Sprintf("%s imports %s, which is no lodger of it", a.room, name))
		}
	}

	comesAlong := luggage(plan, a)
	for _, name := range deps(packages, self) {
		mod := packages[name].Module
		switch {
		case slices.ContainsFunc(a.never, holds(name)):
			found = append(found, fmt.Sprintf("%s reaches %s, which it must not", a.room, name))
		case mod == nil, mod.Path == house:
		case !slices.Contains(comesAlong, mod.Path):
			found = append(found, fmt.Sprintf("%s reaches %s by %s, which nothing is said to bring along", a.room, mod.Path, name))
		}
	}
	return found
}

// holds says, of a module or a package, whether name is it or in it.
func holds(name string) func(string) bool {
	return func(whole string) bool { return name == whole || strings.HasPrefix(name, whole+"/") }
}

// luggage lists the modules that a room may reach: its lodgers, what they bring,
// and the same of the rooms that it knows.
func luggage(plan []arrow, a arrow) []string {
	var mods []string
	for _, lodger := range a.lodgers {
		mods = append(mods, lodger)
		mods = append(mods, brings[lodger]...)
	}
	for _, b := range plan {
		if slices.Contains(a.knows, b.room) {
			mods = append(mods, luggage(plan, b)...)
		}
	}
	return mods
}

// A guard that nothing sets off guards nothing: each of these arrows is wrong on
// purpose, and must be reported.
func TestArrowsThatAreWrong(t *testing.T) {
	t.Parallel()
	ours := &module{Path: house}
	packages := map[string]pkg{
		"fmt":                        {},
		"net/http":                   {Imports: []string{"fmt"}},
		"example.org/lodger/v2/room": {Module: &module{Path: "example.org/lodger/v2"}, Imports: []string{"example.org/trunk"}},
		"example.org/trunk":          {Module: &module{Path: "example.org/trunk"}, Imports: []string{"fmt"}},
		house + "/store":             {Module: ours, Imports: []string{"fmt"}},
		house + "/tokens":            {Module: ours, Imports: []string{house + "/store", "example.org/lodger/v2/room"}},
		house + "/middleware":        {Module: ours, Imports: []string{house + "/tokens", "net/http"}},
		house + "/middleware/leaf":   {Module: ours, Imports: []string{house + "/middleware"}},
	}
	both := []string{"example.org/lodger/v2", "example.org/trunk"}
	plan := []arrow{
		{room: "store"},
		{room: "tokens", knows: []string{"store"}, lodgers: both},
		{room: "middleware", knows: []string{"tokens"}},
		{room: "middleware/leaf", knows: []string{"middleware"}},
	}
	for _, a := range plan {
		if got := breaches(packages, plan, a); len(got) > 0 {
			t.Errorf("%s, with the arrow that it has: %q", a.room, got)
		}
	}

	for _, test := range []struct {
		name  string
		wrong arrow
		want  string
	}{
		{
			"a package that is not there",
			arrow{room: "cellar"},
			"cellar: no such package",
		},
		{
			"a room that it may not know",
			arrow{room: "tokens", lodgers: both},
			"tokens imports store,",
		},
		{
			"a room that lies inside of it",
			arrow{room: "middleware/leaf", knows: []string{"middleware/leaf"}},
			"middleware/leaf imports middleware,",
		},
		{
			"a module that is no lodger",
			arrow{room: "tokens", knows: []string{"store"}},
			"tokens imports example.org/lodger/v2/room,",
		},
		{
			"another major version of a lodger",
			arrow{room: "tokens", knows: []string{"store"}, lodgers: []string{"example.org/lodger/v3", "example.org/trunk"}},
			"tokens imports example.org/lodger/v2/room,",
		},
		{
			"a module that a lodger brings along unsaid",
			arrow{room: "tokens", knows: []string{"store"}, lodgers: []string{"example.org/lodger/v2"}},
			"tokens reaches example.org/trunk by",
		},
		{
			"a package of the standard library that is ruled out",
			arrow{room: "middleware", knows: []string{"tokens"}, never: []string{"net/http"}},
			"middleware reaches net/http,",
		},
		{
			"a package that is ruled out and reached through two rooms",
			arrow{room: "middleware/leaf", knows: []string{"middleware"}, never: []string{"net/http"}},
			"middleware/leaf reaches net/http,",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := breaches(packages, plan, test.wrong)
			if !slices.ContainsFunc(got, func(b string) bool { return strings.HasPrefix(b, test.want) }) {
				t.Errorf("breaches = %q, want one that begins %q", got, test.want)
			}
		})
	}

	// Were go list to say that nothing imports anything, every arrow would hold.
	t.Run("a real package without its lodgers", func(t *testing.T) {
		t.Parallel()
		got := breaches(list(t), arrows, arrow{room: "store/passwords"})
		if !slices.ContainsFunc(got, func(b string) bool { return strings.Contains(b, crypto) }) {
			t.Errorf("breaches = %q, want one that names %s", got, crypto)
		}
	})
}
