package main

import (
	"errors"
	"net/url"
	"strings"
)

// place is a server or a file, and where its URL was found.
type place struct {
	kind string // sqlite, postgres, mysql, redis
	url  *url.URL
	file string // of SQLite
	from address
}

func (at place) isRedis() bool { return at.kind == "redis" }

// String returns the place without the password.
func (at place) String() string {
	if at.kind == "sqlite" {
		return "sqlite:" + at.file
	}
	return at.url.Redacted()
}

// errUnnamed is that of a place which nothing names.
var errUnnamed = errors.New("")

var errURL = errors.New("must be sqlite:FILE, or a URL that begins with postgres://, mysql://, redis:// or rediss://")

// locate returns the place that a flag, the environment or the configuration names. Its
// errors contain no part of the URL, because a password may be in it.
func (p *process) locate(what, flag, file, env string, from address) (place, error) {
	text, origin := flag, "--"+what
	var err error
	switch {
	case flag != "" && file != "":
		return place{}, usagef("--%s and --%[1]s-file: give one of them", what)
	case flag != "":
	case file != "":
		origin = file
		text, err = p.readSecret("--"+what+"-file", file)
	case p.getenv(env) != "":
		text, origin = p.getenv(env), "$"+env
	case from.URLFile != "":
		origin = from.URLFile
		text, err = p.readSecret(what+".url_file", from.URLFile)
	case from.URLEnv != "":
		text, origin = p.getenv(from.URLEnv), "$"+from.URLEnv
	default:
		text, origin = from.URL, what+".url of the configuration"
	}
	if err != nil {
		return place{}, err
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return place{}, usagef("which %s? Set $%s, or give --%[1]s or --%[1]s-file: sqlite:FILE, or a URL that begins with postgres://, mysql://, redis:// or rediss://%[3]w", what, env, errUnnamed)
	}
	if path, ok := strings.CutPrefix(text, "sqlite:"); ok {
		return place{kind: "sqlite", file: path, from: from}, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return place{}, usagef("%s: %w (escape special characters of a password: / is %%2F)", origin, errURL)
	}
	p.hideURL(u)
	if _, has := u.User.Password(); has && text == from.URL {
		return place{}, usagef("%s: has a password in it: put the URL into a file that only you can read, and name that in url_file", origin)
	}
	at := place{url: u, from: from}
	switch u.Scheme {
	case "postgres", "postgresql":
		at.kind = "postgres"
	case "mysql", "mariadb":
		at.kind = "mysql"
	case "redis", "rediss", "redis-cluster":
		at.kind = "redis"
	default:
		return place{}, usagef("%s: %w", origin, errURL)
	}
	return at, nil
}
