package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// leaves returns the commands that do something.
func leaves(t *testing.T) (all []*kong.Node) {
	t.Helper()
	parser, err := newParser(&commandLine{}, &process{})
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model.Leaves(true)
}

func TestHelpSufficesForEachCommand(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	for _, leaf := range leaves(t) {
		path := strings.TrimSpace(leaf.Path())
		path = strings.TrimPrefix(path, "sallyport ")
		help := s.must(t, path+" --help")
		for _, words := range []string{"\n    sallyport " + path, "\nJSON:"} {
			if !strings.Contains(help, words) && path != "keys secret" {
				t.Errorf("%s --help has no %q", path, words)
			}
		}
		for _, flag := range leaf.AllFlags(true) {
			for _, f := range flag {
				if f.Help == "" {
					t.Errorf("%s: --%s has no help", path, f.Name)
				}
			}
		}
		// its examples can be parsed
		for line := range strings.Lines(help) {
			command, ok := strings.CutPrefix(line, "    sallyport ")
			if !ok {
				continue
			}
			command, _, _ = strings.Cut(command, " > ")
			command, _, _ = strings.Cut(command, " < ")
			parser, err := newParser(&commandLine{}, &process{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(words(command)); err != nil {
				t.Errorf("%s --help: the example %q: %v", path, command, err)
			}
		}
	}
}

// words splits a line as a shell does.
func words(line string) (all []string) {
	for i, part := range strings.Split(strings.TrimSpace(line), "'") {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}

// What each flag and argument takes. None takes a secret: a new one has to be listed here.
var takes = map[string]string{
	"config": "file", "store-file": "file", "counters-file": "file", "counters-prefix": "name", "out": "file", "log": "file", "file": "file",
	"store": "URL without a password", "counters": "URL without a password",
	"store-prefix": "name", "id": "ID", "user": "ID", "session": "ID", "account": "ID", "service": "ID", "key": "ID",
	"algorithm": "name", "format": "name", "policy": "name", "tier": "name", "kind": "name", "client": "ID", "host-value": "name",
	"label": "text for people", "login": "name that a user types", "address": "address", "network": "address", "scope": "name",
	"signs-from": "time", "retires-at": "time", "since": "time", "publish": "duration", "access-ttl": "duration", "expires": "time",
	"seats": "number", "amount": "number",
}

func TestNoFlagTakesASecret(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, leaf := range leaves(t) {
		var values []*kong.Value
		for _, group := range leaf.AllFlags(false) {
			for _, f := range group {
				values = append(values, f.Value)
			}
		}
		values = append(values, leaf.Positional...)
		for _, v := range values {
			if v.Target.Kind() == reflect.Bool || v.Name == "help" {
				continue
			}
			found[v.Name] = true
			if takes[v.Name] == "" {
				t.Errorf("%s: what does %q take? If it is a secret, take a file; otherwise list it", leaf.Path(), v.Name)
			}
		}
	}
	if len(found) < 10 {
		t.Errorf("found only %d flags", len(found))
	}
}

func TestASecretInTheCommandLineIsRefusedAndNotRepeated(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]string{
		"a URL of PostgreSQL":    "postgres://shop:hunter2xyz@db.internal/shop",
		"a URL of Redis":         "redis://:hunter2xyz@127.0.0.1:6379/0",
		"with an odd password":   "mysql://shop:hunter2xyz@@db/shop",
		"a parameter":            "postgres://db.internal/shop?password=hunter2xyz",
		"a parameter for a key":  "postgres://db.internal/shop?user=a&sslpassword=hunter2xyz",
		"words of PostgreSQL":    "host=db password=hunter2xyz",
		"a DSN of MariaDB":       "shop:hunter2xyz@tcp(db:3306)/shop",
		"an API key":             "sp_ak_hunter2xyzABCDEFGHIJKLMNOPQRSTU"[:6] + "ABCDEFGHIJKLMNOPQRSTUVWXYZ2345672",
		"a refresh token":        "sp_rt_hunter2xyzAAAAAAAAAAAAAAAAAAAA",
		"an access token":        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyeHl6In0.c2ln",
		"a private key":          "-----BEGIN PRIVATE KEY-----hunter2xyz",
		"a private key in a JWK": `{"kty":"OKP","d":"hunter2xyz"}`,
		"a secret in a JWK":      `{"kty":"oct","k":"hunter2xyz"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShell(t)
			for _, args := range [][]string{{"sessions", "list", "--store", secret, "--all"}, {"sessions", "list", "--user=" + secret}, {"keys", "show", secret}, {secret}} {
				for _, more := range [][]string{nil, {"--json"}} {
					r := s.runArgs(append(slices.Clone(args), more...)...)
					if r.code != exitUsage || !strings.Contains(r.err, "the command line has ") || strings.Contains(r.err+r.out, secret) || strings.Contains(r.err+r.out, "hunter2") {
						t.Errorf("%q: exit code %d, %s%s", args[:2], r.code, r.out, r.err)
					}
				}
			}
		})
	}
}

func TestWhatIsNoSecretIsNotRefused(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{
		"postgres://shop@db.internal:5432/shop?sslmode=disable", "redis://127.0.0.1:6379/0", "sqlite:auth.db", "ada@example.com", "2001:db8::1",
		"--label=CI of the shop: nightly", "urn:example:read", "forgot_password", "http://example.com/a:b@c",
	} {
		if err := refuseSecrets([]string{arg}); err != nil {
			t.Errorf("%q: %v", arg, err)
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	for line, code := range map[string]int{
		"--help": exitDone, "sessions --help": exitDone, "": exitUsage, "nonsense": exitUsage, "sessions list": exitUsage,
		"sessions list --user a --all": exitUsage, "sessions list --user a": exitUsage, "keys show DIR/none": exitUsage,
		"sessions list --user a --store nonsense": exitUsage, "sessions list --user a --store ftp://x/": exitUsage,
		"sessions list --user a --store postgres://a@127.0.0.1:1/a": exitFailed,
		"sessions list --user a --store redis://127.0.0.1:1/0":      exitFailed,
		"sessions list --user a --config DIR/none":                  exitUsage,
	} {
		s.refuses(t, line, code)
	}
	r := s.run("sessions list --user a --store postgres://a@127.0.0.1:1/a --json")
	failed := decodeAll(t, r.err)
	if len(failed) != 1 || failed[0]["type"] != "error" || failed[0]["code"] != "failed" || r.out != "" {
		t.Errorf("%v", r)
	}
}

func TestAPasswordIsInNoError(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://a:hunter2xyz@127.0.0.1:1/a", "mysql://a:hunter2xyz@127.0.0.1:1/a", "redis://:hunter2xyz@127.0.0.1:1/0",
		"postgres://a:hunter2xyz@[::1/a", "mysql://a:hunter2xyz@127.0.0.1/a?nonsense=%zz", "redis://a:hunter2xyz@127.0.0.1/x?nonsense=1", "oracle://a:hunter2xyz@b/c",
		"postgres://a:hunter2xyz@127.0.0.1/a?sslmode=nonsense", "postgres://a:hunter2 xyz@127.0.0.1/a", "sqlite:hunter2xyz/../x",
	} {
		for _, how := range []string{"environment", "file", "configuration"} {
			s := newShell(t)
			line := "sessions list --all"
			switch how {
			case "environment":
				s.env["SALLYPORT_STORE"] = address
			case "file":
				s.write(t, "url", address+"\n")
				line += " --store-file DIR/url"
			default:
				s.write(t, "url", address+"\n")
				s.write(t, "c.json", `{"store":{"url_file":"url"}}`)
				line += " --config DIR/c.json"
			}
			r := s.run(line)
			if r.code == exitDone || strings.Contains(r.err+r.out, "hunter2") && !strings.HasPrefix(address, "sqlite:") {
				t.Errorf("%s: exit code %d: %s", how, r.code, r.err)
			}
		}
	}
	s := newShell(t)
	s.write(t, "c.json", `{"store":{"url":"postgres://a:hunter2xyz@b/c"}}`)
	s.refuses(t, "sessions list --all --config DIR/c.json", exitUsage, "url_file")
}

func TestAConfigurationIsReadStrictly(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`{"stoer":{}}`: `"stoer"`, `{"store":{},"store":{}}`: "twice", `[]`: "", `{"access_ttl":"soon"}`: "90s", `{"access_ttl":3600}`: "must be a string",
		`{"store":{"url":"sqlite:x"}} {}`: "", `{"tiers":{"free":{"algorithm":"best"}}}`: "gcra", `{"rules":[{"by":"them"}]}`: "account",
	} {
		s := newShell(t)
		s.write(t, "c.json", text)
		s.refuses(t, "sessions list --all --config DIR/c.json", exitUsage, "c.json: ", says)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"90s": "1m30s", "2d": "48h0m0s", "1h30m": "1h30m0s", "-1s": "", "d": "", "-1d": "", "99999d": "", "soon": "", "": ""} {
		d, err := parseSpan(text)
		if got := d.String(); (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q: %v, %v, want %q", text, d, err, want)
		}
	}
}
