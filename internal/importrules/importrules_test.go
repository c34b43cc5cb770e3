// Package importrules_test tests which packages and modules each package of the
// module may import. It has tests only; nothing is shipped.
package importrules_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	modulePath = "github.com/sallyport-go/sallyport"

	jwt    = "github.com/golang-jwt/jwt/v5"
	ulule  = "github.com/ulule/limiter/v3"
	echo   = "github.com/labstack/echo" // each major version
	echo4  = echo + "/v4"
	echo5  = echo + "/v5"
	redis  = "github.com/redis/go-redis/v9"
	crypto = "golang.org/x/crypto"
	text   = "golang.org/x/text"

	porcupine = "github.com/anishathalye/porcupine"
	goleak    = "go.uber.org/goleak"
)

// linkedModules lists, for a module that a package may import, the other modules
// that it links. These are fewer than its go.mod names.
var linkedModules = map[string][]string{
	crypto: {"golang.org/x/sys"},
	ulule:  {"github.com/pkg/errors"},
	redis:  {"github.com/cespare/xxhash/v2", "go.uber.org/atomic", "golang.org/x/sys"},
	echo4: {
		"github.com/labstack/gommon",
		"github.com/mattn/go-colorable",
		"github.com/mattn/go-isatty",
		"github.com/valyala/bytebufferpool",
		"github.com/valyala/fasttemplate",
		"golang.org/x/net",
		"golang.org/x/text",
	},
}

// rule is the import rule of one package.
type rule struct {
	promise   string   // what a host may rely on while the rule holds
	pkg       string   // the package, by its folder
	imports   []string // packages of this module that it may import
	modules   []string // other modules that it may import
	forbidden []string // packages and modules that it must not import, directly or through others
}

var rules = []rule{
	{
		promise:   "errors of a configuration need the standard library only",
		pkg:       "configerror",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the test of configurations needs their errors only",
		pkg:       "internal/configtest",
		imports:   []string{"configerror"},
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the log of defects needs the standard library only",
		pkg:       "internal/faultlog",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "a context carries a value without a web server",
		pkg:       "internal/carry",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "a configuration is checked with the standard library only",
		pkg:       "internal/configcheck",
		imports:   []string{"configerror"},
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the contracts need the standard library only",
		pkg:       "store",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the hasher needs the contracts, x/crypto and x/text only, so a host can use it alone",
		pkg:       "store/passwords",
		imports:   []string{"store", "internal/caller", "configerror", "internal/configcheck"},
		modules:   []string{crypto, text},
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the memory store needs the contracts and the hasher",
		pkg:       "store/memstore",
		imports:   []string{"store", "store/passwords", "configerror", "internal/configcheck"},
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the test suite for stores adds one module, a linearizability checker, to the tests of a host",
		pkg:       "store/storetest",
		imports:   []string{"store"},
		modules:   []string{porcupine},
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the keys need golang-jwt only, and no other package imports it",
		pkg:       "tokens/keys",
		imports:   []string{"internal/strictjson", "configerror", "internal/configcheck"},
		modules:   []string{jwt},
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the recorder of events for tests needs the events only",
		pkg:       "internal/eventtest",
		imports:   []string{"tokens/events"},
		forbidden: []string{"net/http"},
	},
	{
		promise: "what keeps a request and its copy in step needs the standard library only",
		pkg:     "internal/requestcopy",
	},
	{
		promise: "the reader past a refused body needs the standard library only",
		pkg:     "internal/unread",
	},
	{
		promise:   "values of header fields need the standard library only",
		pkg:       "internal/fieldvalue",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the strict reader of JSON needs the standard library only",
		pkg:       "internal/strictjson",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "events need the standard library only",
		pkg:       "tokens/events",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "tokens are made and verified without a web server",
		pkg:       "tokens",
		imports:   []string{"internal/carry", "internal/faultlog", "tokens/events", "store", "tokens/keys", "internal/caller", "internal/strictjson", "configerror", "internal/configcheck"},
		modules:   []string{crypto},
		forbidden: []string{"net/http"},
	},
	{
		promise:   "keys are fetched with the HTTP client of the standard library",
		pkg:       "tokens/remotekeys",
		imports:   []string{"tokens/keys", "configerror", "internal/configcheck"},
		forbidden: []string{echo, redis, ulule},
	},
	{
		promise:   "the invalid test tokens add nothing to the go.sum of a host that tests its endpoint with them",
		pkg:       "tokens/tokentest",
		imports:   []string{"tokens", "tokens/keys", "internal/forge"},
		forbidden: []string{echo, redis, ulule},
	},
	{
		promise:   "a net/http host links neither Echo nor a Redis client",
		pkg:       "middleware",
		imports:   []string{"store", "tokens", "tokens/events", "middleware/ratelimit", "middleware/wire", "internal/carry", "internal/etag", "internal/fieldvalue", "internal/network", "internal/requestcopy", "internal/unread", "configerror", "internal/configcheck"},
		forbidden: []string{echo, redis},
	},
	{
		promise:   "entity tags need the standard library only",
		pkg:       "internal/etag",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the description of the routes needs the middleware and the standard library only",
		pkg:       "middleware/openapi",
		imports:   []string{"middleware", "middleware/ratelimit", "middleware/wire", "store", "tokens", "internal/etag", "configerror", "internal/configcheck"},
		forbidden: []string{echo, redis},
	},
	{
		promise: "the test fixture for hosts links no test framework, and starts no server",
		pkg:     "middleware/authtest",
		imports: []string{
			"middleware", "middleware/clientip", "middleware/ratelimit", "store", "store/memstore", "store/passwords", "tokens", "tokens/keys",
		},
		forbidden: []string{echo, redis, goleak, porcupine, "testing", "net/http/httptest", "os/exec"},
	},
	{
		promise:   "probes import the contracts, the rate limits and the keys only",
		pkg:       "middleware/health",
		imports:   []string{"middleware/ratelimit", "store", "tokens/keys", "configerror", "internal/configcheck"},
		forbidden: []string{echo, redis, crypto},
	},
	{
		promise:   "wire formats parse requests and write responses; they import no store",
		pkg:       "middleware/wire",
		imports:   []string{"internal/fieldvalue", "tokens", "middleware/ratelimit"},
		forbidden: []string{echo, redis},
	},
	{
		promise:   "rate limits do not import tokens, and link neither golang-jwt nor x/crypto",
		pkg:       "middleware/ratelimit",
		imports:   []string{"internal/faultlog", "internal/fieldvalue", "internal/keytable", "internal/network", "internal/requestcopy", "internal/unread", "configerror", "internal/configcheck"},
		modules:   []string{ulule},
		forbidden: []string{echo, redis, jwt, crypto, modulePath + "/tokens", modulePath + "/store"},
	},
	{
		promise: "the client's address is found without other modules",
		pkg:     "middleware/clientip",
		imports: []string{"configerror", "internal/configcheck"},
	},
	{
		promise:   "networks are computed with the standard library only",
		pkg:       "internal/network",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "what the adapters share links no framework",
		pkg:       "middleware/internal/adapter",
		imports:   []string{"internal/requestcopy", "internal/unread", "middleware", "middleware/ratelimit", "middleware/wire", "tokens"},
		forbidden: []string{echo, redis},
	},
	{
		promise:   "the adapter for Echo v4 imports the middleware only, and links neither Echo v5 nor a Redis client",
		pkg:       "middleware/echov4",
		imports:   []string{"middleware", "middleware/internal/adapter", "middleware/ratelimit", "tokens"},
		modules:   []string{echo4},
		forbidden: []string{echo5, redis},
	},
	{
		promise:   "the adapter for Echo v5 imports the middleware only, and links neither Echo v4 nor a Redis client",
		pkg:       "middleware/echov5",
		imports:   []string{"middleware", "middleware/internal/adapter", "middleware/ratelimit", "tokens"},
		modules:   []string{echo5},
		forbidden: []string{echo4, redis},
	},
	{
		promise: "the shared tests of the adapters link no framework",
		pkg:     "internal/adaptertest",
		imports: []string{
			"middleware", "middleware/clientip", "middleware/ratelimit", "middleware/wire",
			"store", "store/memstore", "store/passwords", "tokens", "tokens/keys",
		},
		forbidden: []string{echo, redis},
	},
	{
		promise:   "the statements of a host's own Store need the contracts and database/sql only",
		pkg:       "store/sqlrows",
		imports:   []string{"store"},
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the SQL store links no driver",
		pkg:       "store/sqlstore",
		imports:   []string{"store", "store/passwords", "configerror", "internal/configcheck", "internal/sqlschema"},
		modules:   []string{crypto},
		forbidden: []string{"net/http"},
	},
	{
		promise:   "what the packages for SQL share links no driver",
		pkg:       "internal/sqlschema",
		imports:   []string{"configerror", "internal/configcheck"},
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the circuit breaker knows no protocol",
		pkg:       "internal/circuit",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the store on Redis needs the contracts and the Redis client",
		pkg:       "store/redisstore",
		imports:   []string{"store", "internal/redisclient", "configerror", "internal/configcheck"},
		modules:   []string{redis},
		forbidden: []string{"net/http"},
	},
	{
		promise:   "what counters on a server share knows no server",
		pkg:       "middleware/ratelimit/internal/remote",
		imports:   []string{"middleware/ratelimit", "configerror", "internal/configcheck"},
		forbidden: []string{echo, redis, jwt, crypto, modulePath + "/tokens"},
	},
	{
		promise:   "the counters on Redis need the rate limits and the Redis client",
		pkg:       "middleware/ratelimit/rediscounters",
		imports:   []string{"middleware/ratelimit", "middleware/ratelimit/internal/remote", "internal/redisclient", "internal/circuit", "configerror", "internal/configcheck"},
		modules:   []string{redis, ulule},
		forbidden: []string{echo, jwt, crypto, modulePath + "/tokens"},
	},
	{
		promise:   "the counters on SQL link no driver",
		pkg:       "middleware/ratelimit/sqlcounters",
		imports:   []string{"middleware/ratelimit", "middleware/ratelimit/internal/remote", "internal/sqlschema", "internal/circuit", "configerror", "internal/configcheck"},
		forbidden: []string{echo, redis, jwt, crypto, modulePath + "/tokens", modulePath + "/store"},
	},
	{
		promise:   "the test suite for counters adds nothing to the go.sum of a host that uses it",
		pkg:       "middleware/ratelimit/countertest",
		imports:   []string{"middleware/ratelimit"},
		forbidden: []string{echo, redis, jwt, crypto, modulePath + "/tokens"},
	},
	{
		promise:   "the caller in a context needs the standard library only",
		pkg:       "internal/caller",
		imports:   []string{"internal/network"},
		forbidden: []string{"net/http"},
	},
	{
		promise: "the builder of test tokens imports none of the packages that verify them",
		pkg:     "internal/forge",
	},
	{
		promise:   "the hash table of the counters in memory imports no other package",
		pkg:       "internal/keytable",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the shared code for Redis imports none of the packages that use it",
		pkg:       "internal/redisclient",
		imports:   []string{"internal/circuit", "internal/configcheck"},
		modules:   []string{redis},
		forbidden: []string{"net/http"},
	},
	{
		promise: "the processes that charge one counter import the rate limits only",
		pkg:     "internal/floodtest",
		imports: []string{"middleware/ratelimit"},
	},
	{
		promise:   "the helper that skips tests imports no other package",
		pkg:       "internal/skip",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the proxy for tests imports no other package",
		pkg:       "internal/proxytest",
		forbidden: []string{"net/http"},
	},
	{
		promise:   "the Redis server for tests imports the helper that skips tests only",
		pkg:       "internal/redistest",
		imports:   []string{"internal/skip"},
		modules:   []string{redis, goleak},
		forbidden: []string{"net/http"},
	},
}

func TestImportRules(t *testing.T) {
	t.Parallel()
	packages := list(t)

	for _, r := range rules {
		t.Run(r.promise, func(t *testing.T) {
			t.Parallel()
			for _, violation := range violations(packages, rules, r) {
				t.Error(violation)
			}
		})
	}

	t.Run("every package has a rule", func(t *testing.T) {
		t.Parallel()
		for name, p := range packages {
			folder, ours := strings.CutPrefix(name, modulePath+"/")
			if !ours || len(p.GoFiles) == 0 {
				continue
			}
			if !slices.ContainsFunc(rules, func(r rule) bool { return r.pkg == folder }) {
				t.Errorf("%s is not in the table of rules: add a rule for it", folder)
			}
		}
	})
}

// violations returns where the packages break the rule r. The modules that a package
// may reach through its imports come from all rules.
func violations(packages map[string]goPackage, all []rule, r rule) []string {
	self := modulePath + "/" + r.pkg
	if _, ok := packages[self]; !ok {
		return []string{r.pkg + ": no such package"}
	}

	var found []string
	for _, name := range packages[self].Imports {
		folder, ours := strings.CutPrefix(name, modulePath+"/")
		switch {
		case packages[name].Module == nil: // the standard library
		case ours && !slices.Contains(r.imports, folder):
			found = append(found, fmt.Sprintf("%s imports %s, which its rule does not allow", r.pkg, folder))
		case !ours && !slices.ContainsFunc(r.modules, within(name)):
			found = append(found, fmt.Sprintf("%s imports %s, a module that its rule does not allow", r.pkg, name))
		}
	}

	allowed := reachable(all, r)
	for _, name := range deps(packages, self) {
		mod := packages[name].Module
		switch {
		case slices.ContainsFunc(r.forbidden, within(name)):
			found = append(found, fmt.Sprintf("%s reaches %s, which is forbidden", r.pkg, name))
		case mod == nil, mod.Path == modulePath:
		case !slices.Contains(allowed, mod.Path):
			found = append(found, fmt.Sprintf("%s reaches %s through %s, and no rule allows that module", r.pkg, mod.Path, name))
		}
	}
	return found
}

// within returns a function that reports whether name is the module or package whole,
// or a part of it.
func within(name string) func(string) bool {
	return func(whole string) bool { return name == whole || strings.HasPrefix(name, whole+"/") }
}

// reachable returns the modules that a package may reach: those that it may import,
// what they link, and the same of the packages that it may import.
func reachable(all []rule, r rule) []string {
	var mods []string
	for _, mod := range r.modules {
		mods = append(mods, mod)
		mods = append(mods, linkedModules[mod]...)
	}
	for _, b := range all {
		if slices.Contains(r.imports, b.pkg) {
			mods = append(mods, reachable(all, b)...)
		}
	}
	return mods
}

// Each of these rules is wrong on purpose and must be reported.
func TestViolationsAreFound(t *testing.T) {
	t.Parallel()
	ours := &module{Path: modulePath}
	packages := map[string]goPackage{
		"fmt":                             {},
		"net/http":                        {Imports: []string{"fmt"}},
		"example.org/dependency/v2/inner": {Module: &module{Path: "example.org/dependency/v2"}, Imports: []string{"example.org/indirect"}},
		"example.org/indirect":            {Module: &module{Path: "example.org/indirect"}, Imports: []string{"fmt"}},
		modulePath + "/store":             {Module: ours, Imports: []string{"fmt"}},
		modulePath + "/tokens":            {Module: ours, Imports: []string{modulePath + "/store", "example.org/dependency/v2/inner"}},
		modulePath + "/middleware":        {Module: ours, Imports: []string{modulePath + "/tokens", "net/http"}},
		modulePath + "/middleware/leaf":   {Module: ours, Imports: []string{modulePath + "/middleware"}},
	}
	both := []string{"example.org/dependency/v2", "example.org/indirect"}
	all := []rule{
		{pkg: "store"},
		{pkg: "tokens", imports: []string{"store"}, modules: both},
		{pkg: "middleware", imports: []string{"tokens"}},
		{pkg: "middleware/leaf", imports: []string{"middleware"}},
	}
	for _, r := range all {
		if got := violations(packages, all, r); len(got) > 0 {
			t.Errorf("%s, with its own rule: %q", r.pkg, got)
		}
	}

	for _, test := range []struct {
		name  string
		wrong rule
		want  string
	}{
		{
			"a package that does not exist",
			rule{pkg: "missing"},
			"missing: no such package",
		},
		{
			"a package that the rule does not allow",
			rule{pkg: "tokens", modules: both},
			"tokens imports store,",
		},
		{
			"a package above it, where the rule allows itself only",
			rule{pkg: "middleware/leaf", imports: []string{"middleware/leaf"}},
			"middleware/leaf imports middleware,",
		},
		{
			"a module that the rule does not allow",
			rule{pkg: "tokens", imports: []string{"store"}},
			"tokens imports example.org/dependency/v2/inner,",
		},
		{
			"another major version of an allowed module",
			rule{pkg: "tokens", imports: []string{"store"}, modules: []string{"example.org/dependency/v3", "example.org/indirect"}},
			"tokens imports example.org/dependency/v2/inner,",
		},
		{
			"a module that an allowed module links and the table does not list",
			rule{pkg: "tokens", imports: []string{"store"}, modules: []string{"example.org/dependency/v2"}},
			"tokens reaches example.org/indirect through",
		},
		{
			"a package of the standard library that is forbidden",
			rule{pkg: "middleware", imports: []string{"tokens"}, forbidden: []string{"net/http"}},
			"middleware reaches net/http,",
		},
		{
			"a package that is forbidden and reached through two others",
			rule{pkg: "middleware/leaf", imports: []string{"middleware"}, forbidden: []string{"net/http"}},
			"middleware/leaf reaches net/http,",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := violations(packages, all, test.wrong)
			if !slices.ContainsFunc(got, func(b string) bool { return strings.HasPrefix(b, test.want) }) {
				t.Errorf("violations = %q, want one that begins %q", got, test.want)
			}
		})
	}

	// If go list returned no imports at all, every rule would hold.
	t.Run("a real package, with a rule that allows no module", func(t *testing.T) {
		t.Parallel()
		got := violations(list(t), rules, rule{pkg: "store/passwords"})
		if !slices.ContainsFunc(got, func(b string) bool { return strings.Contains(b, crypto) }) {
			t.Errorf("violations = %q, want one that names %s", got, crypto)
		}
	})
}
