package chi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/httprate"
	"github.com/go-chi/jwtauth/v5"
	"golang.org/x/crypto/bcrypt"
)

// lifetime is that of the old tokens. They cannot be refreshed.
const lifetime = 24 * time.Hour

// Before is the API with jwtauth, and httprate for each user.
func Before(db *Database, secret []byte) http.Handler {
	ja := jwtauth.New("HS256", secret, nil)
	r := chi.NewRouter()
	r.Post("/login", login(db, ja))
	r.Group(func(r chi.Router) {
		r.Use(jwtauth.Verifier(ja), jwtauth.Authenticator(ja))
		r.Use(httprate.LimitBy(100, time.Minute, func(r *http.Request) (string, error) {
			_, claims, _ := jwtauth.FromContext(r.Context())
			return fmt.Sprint(claims["user_id"]), nil
		}))
		db.routes(r)
	})
	return r
}

// routes are the same before and after.
func (db *Database) routes(r chi.Router) {
	r.Get("/me", db.me)
	r.Get("/articles", db.list)
	r.Post("/articles", db.publish)
}

// login issues a token for an address and a password, which are in JSON.
func login(db *Database, ja *jwtauth.JWTAuth) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Email    string `json:"email"`
			Password string `json:"password"`
		}
		if json.NewDecoder(r.Body).Decode(&in) != nil {
			http.Error(w, "want JSON", http.StatusBadRequest)
			return
		}
		u, ok := db.user(func(u user) bool { return u.email == in.Email })
		if !ok || bcrypt.CompareHashAndPassword([]byte(u.hash), []byte(in.Password)) != nil {
			http.Error(w, "wrong address or password", http.StatusUnauthorized)
			return
		}
		claims := map[string]any{"user_id": u.id, "role": u.role}
		jwtauth.SetIssuedNow(claims)
		jwtauth.SetExpiryIn(claims, lifetime)
		_, token, err := ja.Encode(claims)
		if err != nil {
			http.Error(w, "no token", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"token": token}) // it fails only if the client has disconnected
	}
}
