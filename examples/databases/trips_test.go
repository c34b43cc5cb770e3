package databases_test

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// work is one call of a store, for what is there or for what is not.
type work struct {
	name  string
	do    func(ctx context.Context, s *sqlstore.Store) error
	want  error
	trips int    // statements, of which each is a round trip
	uses  string // the indexes by which the last ones find their rows; empty: none
}

var (
	keyOfAda = store.APIKey{ID: "k1", Digest: sha256.Sum256([]byte("k1")), Owner: store.Owner{ID: "u1"}, Label: "CI", Scopes: []string{"articles:read"}, CreatedAt: noon}
	webApp   = store.Client{
		ID: "web", Name: "The shop", Secrets: []store.Digest{sha256.Sum256([]byte("1")), sha256.Sum256([]byte("2"))},
		Grants: []string{"password", "refresh_token"}, Scopes: []string{"articles:read"}, Refresh: store.RefreshRotate, Grace: 10*time.Second + 1,
	}
)

// fill is what the works are done on.
func fill(ctx context.Context, s *sqlstore.Store) []error {
	return []error{
		s.AddUser(ctx, ada, adas),
		s.CreateSession(ctx, session("s1", 24)), s.CreateSession(ctx, session("s2", 24)), s.CreateAPIKey(ctx, keyOfAda),
		s.SetClient(ctx, webApp), s.DenySession(ctx, "d1", noon),
	}
}

// works are all there is to do, in this order.
var works = []work{
	{"Session", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Session(ctx, "s1")
		return err
	}, nil, 1, "sessions_pkey"},
	{"Session, unknown", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Session(ctx, "s9")
		return err
	}, store.ErrNotFound, 1, "sessions_pkey"},
	{"CreateSession", func(ctx context.Context, s *sqlstore.Store) error { return s.CreateSession(ctx, session("s3", 1)) }, nil, 1, ""},
	{"CreateSession, taken", func(ctx context.Context, s *sqlstore.Store) error { return s.CreateSession(ctx, session("s3", 1)) }, store.ErrConflict, 2, "sessions_pkey"},
	{"CreateSession, the first of a user", func(ctx context.Context, s *sqlstore.Store) error {
		n := session("s4", 1)
		n.UserID = "u9"
		return s.CreateSession(ctx, n)
	}, nil, 5, "epochs_pkey, then "},
	{"AdvanceSession, which wins", func(ctx context.Context, s *sqlstore.Store) error {
		return s.AdvanceSession(ctx, "s1", 1, noon, noon.Add(time.Hour))
	}, nil, 1, "sessions_pkey"},
	{"AdvanceSession, which loses", func(ctx context.Context, s *sqlstore.Store) error {
		return s.AdvanceSession(ctx, "s1", 1, noon, noon.Add(time.Hour))
	}, store.ErrConflict, 2, "sessions_pkey"},
	{"AdvanceSession, unknown", func(ctx context.Context, s *sqlstore.Store) error {
		return s.AdvanceSession(ctx, "s9", 1, noon, noon.Add(time.Hour))
	}, store.ErrNotFound, 2, "sessions_pkey"},
	{"UserSessions", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.UserSessions(ctx, "u1", store.Newest(), store.MaxPage)
		return err
	}, nil, 1, "sessions_user"},
	{"RevokeSession", func(ctx context.Context, s *sqlstore.Store) error { return s.RevokeSession(ctx, "s1", noon) }, nil, 1, "sessions_pkey"},
	{"RevokeSession, unknown", func(ctx context.Context, s *sqlstore.Store) error { return s.RevokeSession(ctx, "s9", noon) }, nil, 1, "sessions_pkey"},
	{"RevokeUserSessions", func(ctx context.Context, s *sqlstore.Store) error { return revokesUsers(ctx, s, "u1", noon) }, nil, 6, "sessions_u, then , then epochs_pkey, then epochs_pkey, then , then sessions_user and sessions_revoked"},
	{"RevokeUserSessions, once more", func(ctx context.Context, s *sqlstore.Store) error { return revokesUsers(ctx, s, "u1", noon) }, nil, 2, "sessions_u, then sessions_user and sessions_revoked"},
	{"RevokeUserSessions, unknown", func(ctx context.Context, s *sqlstore.Store) error { return revokesUsers(ctx, s, "unknown", noon) }, nil, 3, "epochs_pkey, then sessions_u, then epochs_pkey"},
	{"DeleteExpiredSessions", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.DeleteExpiredSessions(ctx, noon)
		return err
	}, nil, 2, "sessions_end, then epochs_until"},

	{"APIKey", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.APIKey(ctx, keyOfAda.Digest)
		return err
	}, nil, 1, "api_keys_digest_key"},
	{"APIKeyByID", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.APIKeyByID(ctx, "k1")
		return err
	}, nil, 1, "api_keys_pkey"},
	{"CreateAPIKey, taken", func(ctx context.Context, s *sqlstore.Store) error { return s.CreateAPIKey(ctx, keyOfAda) }, store.ErrConflict, 1, ""},
	{"OwnerAPIKeys", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.OwnerAPIKeys(ctx, store.Owner{ID: "u1"}, store.Newest(), store.MaxPage)
		return err
	}, nil, 1, "api_keys_user"},
	{"OwnerAPIKeys of a service account", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.OwnerAPIKeys(ctx, store.Owner{Kind: store.OwnerService, ID: "import"}, store.Newest(), store.MaxPage)
		return err
	}, nil, 1, "api_keys_owner"},
	{"ReplaceAPIKey, which wins", func(ctx context.Context, s *sqlstore.Store) error {
		return s.ReplaceAPIKey(ctx, "k1", "", "k2", noon.Add(time.Hour))
	}, nil, 1, "api_keys_pkey"},
	{"ReplaceAPIKey, which loses", func(ctx context.Context, s *sqlstore.Store) error {
		return s.ReplaceAPIKey(ctx, "k1", "", "k3", noon)
	}, store.ErrConflict, 2, "api_keys_pkey"},
	{"ReplaceAPIKey, unknown", func(ctx context.Context, s *sqlstore.Store) error {
		return s.ReplaceAPIKey(ctx, "k9", "", "k3", noon)
	}, store.ErrNotFound, 2, "api_keys_pkey"},
	{"UseAPIKey", func(ctx context.Context, s *sqlstore.Store) error { return s.UseAPIKey(ctx, "k1", noon) }, nil, 1, "api_keys_pkey"},
	{"RevokeAPIKey", func(ctx context.Context, s *sqlstore.Store) error { return s.RevokeAPIKey(ctx, "k1", noon) }, nil, 1, "api_keys_pkey"},
	{"DeleteExpiredAPIKeys", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.DeleteExpiredAPIKeys(ctx, noon)
		return err
	}, nil, 1, "api_keys_end"},

	{"Client", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Client(ctx, "web")
		return err
	}, nil, 1, "clients_pkey"},
	{"SetClient", func(ctx context.Context, s *sqlstore.Store) error { return s.SetClient(ctx, webApp) }, nil, 1, ""},
	{"RemoveClient", func(ctx context.Context, s *sqlstore.Store) error { return s.RemoveClient(ctx, "web") }, nil, 1, "clients_pkey"},
	{"RemoveClient, unknown", func(ctx context.Context, s *sqlstore.Store) error { return s.RemoveClient(ctx, "web") }, store.ErrNotFound, 1, "clients_pkey"},

	{"DenySession", func(ctx context.Context, s *sqlstore.Store) error { return s.DenySession(ctx, "d2", noon) }, nil, 1, ""},
	{"DenySessions", func(ctx context.Context, s *sqlstore.Store) error {
		return s.DenySessions(ctx, []string{"d3", "d2", "d3"}, noon)
	}, nil, 1, ""},
	{"SessionDenied", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.SessionDenied(ctx, "d2")
		return err
	}, nil, 1, "denials_pkey"},
	{"DeleteExpiredDenials", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.DeleteExpiredDenials(ctx, noon)
		return err
	}, nil, 1, "denials_end"},

	{"User", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.User(ctx, "u1")
		return err
	}, nil, 1, "users_pkey"},
	{"Authenticate", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Authenticate(ctx, "ada", adas)
		return err
	}, nil, 2, "users_pkey"},
	{"Authenticate, wrong", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Authenticate(ctx, "ada", "wrong")
		return err
	}, store.ErrBadCredentials, 1, "users_login_key"},
	{"Authenticate, unknown", func(ctx context.Context, s *sqlstore.Store) error {
		_, err := s.Authenticate(ctx, "unknown", "wrong")
		return err
	}, store.ErrBadCredentials, 1, "users_login_key"},
	{"AddUser", func(ctx context.Context, s *sqlstore.Store) error {
		return s.AddUser(ctx, store.User{ID: "u2", Login: "grace"}, "hopper")
	}, nil, 2, ""},
	{"SetUser", func(ctx context.Context, s *sqlstore.Store) error { return s.SetUser(ctx, ada) }, nil, 1, "users_pkey"},
	{"SetUser, with another's login", func(ctx context.Context, s *sqlstore.Store) error {
		return s.SetUser(ctx, store.User{ID: "u2", Login: "ada"})
	}, store.ErrConflict, 2, "users_login_key"},
	{"SetPassword", func(ctx context.Context, s *sqlstore.Store) error { return s.SetPassword(ctx, "u1", adas) }, nil, 2, "users_pkey"},
	{"SetHash", func(ctx context.Context, s *sqlstore.Store) error { return s.SetHash(ctx, "u2", "x") }, nil, 1, "users_pkey"},
	{"RemoveUser", func(ctx context.Context, s *sqlstore.Store) error { return s.RemoveUser(ctx, "u2") }, nil, 1, "users_pkey"},
	{"RemoveUser, unknown", func(ctx context.Context, s *sqlstore.Store) error { return s.RemoveUser(ctx, "u2") }, store.ErrNotFound, 1, "users_pkey"},
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	always(t, func(t *testing.T, p *place) {
		db, recorder := p.recorded(t)
		s := p.store(t, db)
		must(t, fill(t.Context(), s)...)
		for _, w := range works {
			recorder.take()
			wants(t, w.do(t.Context(), s), w.want, w.name)
			trips := w.trips
			if p.config.Dialect == sqlstore.MySQL && (w.name == "DeleteExpiredAPIKeys" || w.name == "DeleteExpiredDenials") {
				trips++ // it finds one, and deletes it
			}
			if calls := recorder.take(); len(calls) != trips {
				t.Errorf("%s: %d round trips, want %d:\n%s", w.name, len(calls), trips, strings.Join(statements(calls), "\n"))
			}
		}
	})
}
