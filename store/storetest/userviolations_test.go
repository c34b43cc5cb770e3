package storetest_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

var errDriver = errors.New("driver: no rows in result set")

var userViolations = []violation{
	{
		"Authenticate loses the scopes", "Authenticate returns the user",
		func(r *rig) {
			r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
				u, err := r.users.Authenticate(ctx, login, password)
				u.Scopes = nil
				return u, err
			}}
		},
	},
	{
		"Authenticate returns the user who was added last", "Authenticate returns the user",
		func(r *rig) {
			var last store.User
			add := r.AddUser
			r.AddUser = func(ctx context.Context, u store.User, password string) (store.User, error) {
				last = u
				return add(ctx, u, password)
			}
			r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
				_, err := r.users.Authenticate(ctx, login, password)
				return last, err
			}}
		},
	},
	{
		"Authenticate says ErrNotFound of an unknown login", "Authenticate refuses every other pair alike",
		refusingWith(func(r *rig, login string) error {
			if r.known(login) {
				return store.ErrBadCredentials
			}
			return store.ErrNotFound
		}),
	},
	{
		"Authenticate says two things at once of an unknown login", "Authenticate refuses every other pair alike",
		refusingWith(func(*rig, string) error { return errors.Join(store.ErrBadCredentials, store.ErrNotFound) }),
	},
	{
		"Authenticate returns the driver's error for a wrong password", "Authenticate refuses every other pair alike",
		refusingWith(func(*rig, string) error { return errDriver }),
	},
	{
		"Authenticate returns no user and no error", "Authenticate refuses every other pair alike",
		refusingWith(func(*rig, string) error { return nil }),
	},
	{
		"Authenticate looks for the ID as well as for the login", "Authenticate refuses every other pair alike",
		func(r *rig) {
			r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
				if u, err := r.users.User(ctx, login); err == nil {
					login = u.Login
				}
				return r.users.Authenticate(ctx, login, password)
			}}
		},
	},
	{"Authenticate folds the login", "Authenticate keeps look-alike logins apart", changingLogin(strings.ToLower)},
	{"Authenticate trims the login", "Authenticate keeps look-alike logins apart", changingLogin(strings.TrimSpace)},
	{"Authenticate and the table fold the login", "Authenticate keeps look-alike logins apart", func(r *rig) {
		add := r.AddUser
		r.AddUser = func(ctx context.Context, u store.User, password string) (store.User, error) {
			u.Login = strings.ToLower(u.Login)
			return add(ctx, u, password)
		}
		changingLogin(strings.ToLower)(r)
	}},
	{
		"User loses the seats", "User returns the user",
		func(r *rig) {
			r.Store = override{Store: r.Store, user: func(ctx context.Context, id string) (store.User, error) {
				u, err := r.users.User(ctx, id)
				u.Seats = 0
				return u, err
			}}
		},
	},
	{
		"User returns no user and no error", "User says ErrNotFound of an unknown ID",
		userErr(nil),
	},
	{
		"User returns the driver's error", "User says ErrNotFound of an unknown ID",
		userErr(errDriver),
	},
	{
		"User says ErrBadCredentials", "User says ErrNotFound of an unknown ID",
		userErr(store.ErrBadCredentials),
	},
	{
		"User folds the ID", "User compares IDs byte by byte",
		func(r *rig) {
			var ids []string
			add := r.AddUser
			r.AddUser = func(ctx context.Context, u store.User, password string) (store.User, error) {
				ids = append(ids, u.ID)
				return add(ctx, u, password)
			}
			changingID(func(id string) string {
				at := slices.IndexFunc(ids, func(known string) bool { return strings.EqualFold(known, id) })
				return append([]string{id}, ids...)[at+1]
			})(r)
		},
	},
	{"User trims the ID", "User compares IDs byte by byte", changingID(strings.TrimSpace)},
	{"User reads the ID as a number", "User compares IDs byte by byte", changingID(func(id string) string { return strings.TrimLeft(id, "0") })},
	{
		"User gives out its own slice", "A user's scopes belong to the caller",
		func(r *rig) {
			known := map[string]store.User{}
			add := r.AddUser
			r.AddUser = func(ctx context.Context, u store.User, password string) (store.User, error) {
				known[u.ID] = u
				return add(ctx, u, password)
			}
			r.Store = override{Store: r.Store, user: func(_ context.Context, id string) (store.User, error) { return known[id], nil }}
		},
	},
	{
		"Authenticate lets in who is locked out", "Authenticate refuses who is locked out",
		func(r *rig) { r.LockOut = func(context.Context, string) error { return nil } },
	},
	{
		"Authenticate says why it refuses who is locked out", "Authenticate refuses who is locked out",
		refusingWith(func(*rig, string) error { return store.ErrNotFound }),
	},
	{
		"Authenticate locks everybody out", "Authenticate refuses who is locked out",
		func(r *rig) {
			var locked atomic.Bool
			r.LockOut = func(context.Context, string) error {
				locked.Store(true)
				return nil
			}
			r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
				if locked.Load() {
					return store.User{}, store.ErrBadCredentials
				}
				return r.users.Authenticate(ctx, login, password)
			}}
		},
	},
	{
		"User remembers who was asked for", "User says ErrNotFound of who is locked out",
		func(r *rig) {
			var cache sync.Map
			r.Store = override{Store: r.Store, user: func(ctx context.Context, id string) (store.User, error) {
				if u, ok := cache.Load(id); ok {
					return u.(store.User), nil
				}
				u, err := r.users.User(ctx, id)
				if err == nil {
					cache.Store(id, u)
				}
				return u, err
			}}
		},
	},
}

// known reports whether there is a user with this login, by adding one with the same login.
func (r *rig) known(login string) bool {
	return r.users.AddUser(context.Background(), store.User{ID: "probe-" + login, Login: login}, "probe") != nil
}

// refusingWith answers otherwise than by ErrBadCredentials.
func refusingWith(why func(r *rig, login string) error) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
			u, err := r.users.Authenticate(ctx, login, password)
			if errors.Is(err, store.ErrBadCredentials) {
				err = why(r, login)
			}
			return u, err
		}}
	}
}

// changingLogin looks for another login than it was given.
func changingLogin(change func(string) string) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
			return r.users.Authenticate(ctx, change(login), password)
		}}
	}
}

// changingID looks for another ID than it was given, too.
func changingID(change func(string) string) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, user: func(ctx context.Context, id string) (store.User, error) {
			u, err := r.users.User(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				u, err = r.users.User(ctx, change(id))
			}
			return u, err
		}}
	}
}

func userErr(instead error) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, user: func(ctx context.Context, id string) (store.User, error) {
			u, err := r.users.User(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				err = instead
			}
			return u, err
		}}
	}
}

var passwordViolations = []violation{
	{"a password is read as a form", "Authenticate takes any password", changingPassword(func(p string) string {
		if q, err := url.QueryUnescape(p); err == nil {
			return q
		}
		return p
	})},
	{"a password is written in ASCII", "Authenticate takes any password", changingPassword(func(p string) string {
		return strings.Map(func(r rune) rune {
			if r > '~' {
				return '?'
			}
			return r
		}, p)
	})},
	{"a password has its quotes doubled", "Authenticate takes any password", changingPassword(func(p string) string { return strings.ReplaceAll(p, "''", "'") })},
	{"a password has its line ends changed", "Authenticate takes any password", changingPassword(func(p string) string { return strings.ReplaceAll(p, "\r\n", "\n") })},
	{"a password with an emoji does not work", "Authenticate takes any password", func(r *rig) {
		r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
			if strings.ContainsFunc(password, func(c rune) bool { return c > 0xffff }) {
				return store.User{}, store.ErrBadCredentials
			}
			return r.users.Authenticate(ctx, login, password)
		}}
	}},
	{"a password is trimmed", "Authenticate does not trim the password", changingPassword(strings.TrimSpace)},
	{"a password loses a line end", "Authenticate does not trim the password", changingPassword(func(p string) string { return strings.TrimSuffix(p, "\n") })},
	{"a password is folded", "Authenticate does not fold the password", changingPassword(strings.ToLower)},
	{"a password loses its accents", "Authenticate does not fold the password", changingPassword(func(p string) string { return strings.ReplaceAll(p, "é", "e") })},
	{"a password is cut at 72 bytes", "Authenticate does not cut the password", changingPassword(func(p string) string { return p[:min(len(p), 72)] })},
	{"a password is cut at 255 bytes", "Authenticate does not cut the password", changingPassword(func(p string) string { return p[:min(len(p), 255)] })},
	{"a long password does not work", "Authenticate does not cut the password", func(r *rig) {
		r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
			if len(password) > 72 {
				return store.User{}, store.ErrBadCredentials
			}
			return r.users.Authenticate(ctx, login, password)
		}}
	}},
	{"an empty password is accepted for every login", "An empty password is refused", func(r *rig) {
		r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
			if password == "" {
				return store.User{Login: login}, nil
			}
			return r.users.Authenticate(ctx, login, password)
		}}
	}},
}

// changingPassword hashes another password than it was given, at the beginning
// as at every login.
func changingPassword(change func(string) string) func(r *rig) {
	return func(r *rig) {
		add := r.AddUser
		r.AddUser = func(ctx context.Context, u store.User, password string) (store.User, error) {
			return add(ctx, u, change(password))
		}
		r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
			return r.users.Authenticate(ctx, login, change(password))
		}}
	}
}

// slowViolations are tried in a bubble, in which time passes at once.
var slowViolations = []violation{
	{
		"an unknown login is refused without a hash", "An unknown login takes about the same work",
		func(r *rig) { tiresome(r, false) },
	},
	{
		"a method waits for a lock, whatever its context says", "A done context is no answer",
		func(r *rig) {
			r.Store = override{Store: r.Store, session: func(ctx context.Context, id string) (store.Session, error) {
				if ctx.Err() != nil {
					time.Sleep(time.Minute)
				}
				return r.reference.Session(ctx, id)
			}}
		},
	},
}

// tiresome takes its time for a password, and if it is conforming for a login that
// it does not know as well.
func tiresome(r *rig, conforming bool) {
	known := map[string]bool{}
	add := r.AddUser
	r.AddUser = func(ctx context.Context, u store.User, password string) (store.User, error) {
		known[u.Login] = true
		return add(ctx, u, password)
	}
	r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
		if conforming || known[login] {
			time.Sleep(20 * time.Millisecond)
		}
		return r.users.Authenticate(ctx, login, password)
	}}
}
