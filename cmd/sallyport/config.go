package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport-go/sallyport/internal/strictjson"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// configuration is what a command needs to know of a host: it is read from a JSON file. It
// must say of tiers, rules and budgets what the host's own Config says, because the names of
// counters are made of them.
type configuration struct {
	Store    address `json:"store"`
	Counters address `json:"counters"`

	// AccessTTL and Leeway are those of tokens.Config: how long access tokens are denied
	// whose session has ended. Without AccessTTL it is 24h.
	AccessTTL text[span] `json:"access_ttl"`
	Leeway    text[span] `json:"leeway"`

	// KeyPrefix is Prefix of tokens.Config.
	KeyPrefix string `json:"key_prefix"`

	// RefreshKey is RefreshKeys[0] of tokens.Config, which pseudonyms are made with.
	RefreshKey secretFile `json:"refresh_key"`

	Tiers        map[string]tier   `json:"tiers"`
	FallbackTier string            `json:"fallback_tier"`
	Rules        []rule            `json:"rules"`
	BruteForce   map[string]budget `json:"brute_force"`
	KnownFor     text[span]        `json:"known_for"`

	file string // "": there is none
}

// address is where a store or counters are.
type address struct {
	URL     string `json:"url"`
	URLFile string `json:"url_file"`
	URLEnv  string `json:"url_env"`
	Prefix  string `json:"prefix"`

	// HostUsers, of a store in SQL: the users are in a table of the host's own.
	HostUsers bool `json:"host_users"`

	// Secret, of counters, is Config.Secret of rediscounters or sqlcounters.
	Secret secretFile `json:"secret"`
}

// secretFile is a file that has a secret in it.
type secretFile struct {
	File     string `json:"file"`
	Encoding string `json:"encoding"`
}

// read returns the bytes of the secret.
func (f secretFile) read(p *process, what string) ([]byte, error) {
	secret, err := p.readSecret(what, f.File)
	if err != nil {
		return nil, err
	}
	b, err := decoded(secret, f.Encoding)
	if err != nil {
		return nil, usagef("%s: %s: %w", what, f.File, err)
	}
	p.hide(string(b))
	return b, nil
}

type window struct {
	Name      string              `json:"name"`
	Limit     int64               `json:"limit"`
	Period    text[span]          `json:"period"`
	PerSeat   bool                `json:"per_seat"`
	Max       int64               `json:"max"`
	Algorithm text[algorithmName] `json:"algorithm"`
	Burst     int64               `json:"burst"`
}

type tier struct {
	window

	Also       []window    `json:"also"`
	By         text[owner] `json:"by"`
	Concurrent int         `json:"concurrent"`
	Shadow     bool        `json:"shadow"`
}

type rule struct {
	Name      string              `json:"name"`
	Limit     int64               `json:"limit"`
	Period    text[span]          `json:"period"`
	Algorithm text[algorithmName] `json:"algorithm"`
	Burst     int64               `json:"burst"`
	By        text[owner]         `json:"by"`
	Unit      string              `json:"unit"`
	Shadow    bool                `json:"shadow"`
}

type budget struct {
	Burst int64      `json:"burst"`
	Every text[span] `json:"every"`
}

// text is a value that JSON has as a string.
type text[T any] struct{ v T }

// UnmarshalJSON reads the string.
func (t *text[T]) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("must be a string")
	}
	reader, ok := any(&t.v).(interface{ UnmarshalText(text []byte) error })
	if !ok {
		return fmt.Errorf("%T is not read from a string", t.v)
	}
	return reader.UnmarshalText([]byte(s))
}

type algorithmName ratelimit.Algorithm

// UnmarshalText reads the name of an algorithm.
func (a *algorithmName) UnmarshalText(name []byte) error {
	known := map[string]ratelimit.Algorithm{"fixed": ratelimit.FixedWindow, "gcra": ratelimit.GCRA, "rolling": ratelimit.Rolling}
	algorithm, ok := known[string(name)]
	if !ok {
		return fmt.Errorf("must be fixed, gcra or rolling, got %q", name)
	}
	*a = algorithmName(algorithm)
	return nil
}

// owner is whose counter it is. The zero value counts by account.
type owner struct{ by ratelimit.By }

// UnmarshalText reads a name.
func (o *owner) UnmarshalText(name []byte) error {
	known := map[string]ratelimit.By{
		"account": ratelimit.ByAccount(), "user": ratelimit.ByUser(), "session": ratelimit.BySession(), "address": ratelimit.ByAddress(),
		"host": ratelimit.ByKey(noRequest),
	}
	by, ok := known[string(name)]
	if !ok {
		return fmt.Errorf("must be account, user, session, address or host, got %q", name)
	}
	o.by = by
	return nil
}

const (
	maxConfig   = 1 << 20
	defaultFile = "sallyport.json"
)

// configuration reads the file that the flag, the environment or the folder has.
func (p *process) configuration(flag string) (*configuration, error) {
	file := flag
	if file == "" {
		file = p.getenv("SALLYPORT_CONFIG")
	}
	if file == "" {
		if _, err := os.Stat(defaultFile); errors.Is(err, fs.ErrNotExist) {
			return &configuration{}, nil
		}
		file = defaultFile
	}
	content, err := readBounded(file, maxConfig)
	if err != nil {
		return nil, err
	}
	c := &configuration{file: file}
	if err := strictJSON(content, c); err != nil {
		return nil, usagef("%s: %w", file, err)
	}
	for _, path := range []*string{&c.Store.URLFile, &c.Counters.URLFile, &c.Counters.Secret.File, &c.RefreshKey.File} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(filepath.Dir(file), *path)
		}
	}
	return c, nil
}

// strictJSON reads one object that has no member twice and none that is unknown.
func strictJSON(content []byte, into any) error {
	if _, err := strictjson.Members(content); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func (w window) window() ratelimit.Window {
	return ratelimit.Window{
		Name: w.Name, Limit: w.Limit, Period: time.Duration(w.Period.v), PerSeat: w.PerSeat, Max: w.Max,
		Algorithm: ratelimit.Algorithm(w.Algorithm.v), Burst: w.Burst,
	}
}

// tiers returns the tiers as package ratelimit has them.
func (c *configuration) tiers() ratelimit.Tiers {
	all := ratelimit.Tiers{}
	for name, t := range c.Tiers {
		w := t.window.window()
		made := ratelimit.Tier{
			Limit: w.Limit, Period: w.Period, PerSeat: w.PerSeat, Max: w.Max, Algorithm: w.Algorithm, Burst: w.Burst,
			By: t.By.v.by, Concurrent: t.Concurrent, Shadow: t.Shadow,
		}
		for _, also := range t.Also {
			made.Also = append(made.Also, also.window())
		}
		all[name] = made
	}
	return all
}

func (c *configuration) limit() (l ratelimit.LimitConfig) {
	for _, r := range c.Rules {
		l.Rules = append(l.Rules, ratelimit.Rule{
			Name: r.Name, Limit: r.Limit, Period: time.Duration(r.Period.v), Algorithm: ratelimit.Algorithm(r.Algorithm.v), Burst: r.Burst,
			By: r.By.v.by, Unit: r.Unit, Shadow: r.Shadow,
		})
	}
	return l
}

// bruteForce returns the budgets as package middleware has them.
func (c *configuration) bruteForce() (g middleware.BruteForce, err error) {
	fields := map[string]*middleware.Budget{
		"address": &g.Address, "login": &g.Login, "pair": &g.Pair, "known": &g.Known, "all_known": &g.AllKnown,
		"success": &g.Success, "client": &g.Client, "token": &g.Token,
	}
	for name, b := range c.BruteForce {
		field, ok := fields[name]
		if !ok {
			return g, usagef("%s: brute_force: must be address, login, pair, known, all_known, success, client or token, got %q", c.file, name)
		}
		*field = middleware.Budget{Burst: b.Burst, Every: time.Duration(b.Every.v)}
	}
	g.KnownFor = time.Duration(c.KnownFor.v)
	return g, nil
}

// noRequest stands for the host's function of a rule by a key of its own: it is called with
// a request only, and this program has none.
func noRequest(*http.Request) (string, error) { return "", errors.New("there is no request") }
