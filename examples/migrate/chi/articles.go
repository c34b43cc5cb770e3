// Package chi is an API on chi with jwtauth and httprate, and with Sallyport.
// docs/migrate/jwtauth-httprate.md tells how it moves.
//
//	articles.go  The API: its tables and its handlers. No line of it changes.
//	before.go    Its routes, its login, jwtauth and httprate.
//	after.go     Its routes behind Sallyport, and the tokens that jwtauth still verifies.
package chi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/go-chi/jwtauth/v5"
	"golang.org/x/crypto/bcrypt"
)

type user struct {
	id          int
	email, role string
	hash        string // of bcrypt
}

// Database stands for the API's database. The servers before and after the move share
// it.
type Database struct {
	mu       sync.Mutex
	users    []user
	articles []string
}

// Demo returns a database with Ada, an editor, and Bob, a reader, with one password for
// both. Its hashes are as cheap as bcrypt has them.
func Demo(password string) (*Database, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	return &Database{users: []user{
		{id: 7, email: "ada@example.com", role: "editor", hash: string(hash)},
		{id: 8, email: "bob@example.com", role: "reader", hash: string(hash)},
	}}, err
}

// user returns the user that is meant, and false if there is none.
func (db *Database) user(is func(user) bool) (user, bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, u := range db.users {
		if is(u) {
			return u, true
		}
	}
	return user{}, false
}

func (db *Database) me(w http.ResponseWriter, r *http.Request) {
	_, claims, _ := jwtauth.FromContext(r.Context())
	_, _ = fmt.Fprintf(w, "user %v, %v\n", claims["user_id"], claims["role"])
}

func (db *Database) publish(w http.ResponseWriter, r *http.Request) {
	_, claims, _ := jwtauth.FromContext(r.Context())
	if claims["role"] != "editor" {
		http.Error(w, "only editors publish", http.StatusForbidden)
		return
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.articles = append(db.articles, "by user "+strconv.FormatFloat(claims["user_id"].(float64), 'f', 0, 64)) //nolint:forcetypeassert // as such handlers are written
	w.WriteHeader(http.StatusCreated)
}

func (db *Database) list(w http.ResponseWriter, _ *http.Request) {
	db.mu.Lock()
	defer db.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(db.articles) // it fails only if the client has disconnected
}
