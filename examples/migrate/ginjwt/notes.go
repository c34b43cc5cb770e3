// Package ginjwt is an API on gin with gin-jwt, and with Sallyport.
// docs/migrate/gin-jwt.md tells how it moves.
//
//	notes.go   The API: its tables and its handlers. No line of it changes.
//	before.go  Its routes, its login and gin-jwt.
//	after.go   Its routes behind Sallyport, and the tokens that gin-jwt still verifies.
package ginjwt

import (
	"net/http"
	"sync"

	ginjwt "github.com/appleboy/gin-jwt/v2"
	"github.com/gin-gonic/gin"
	"golang.org/x/crypto/bcrypt"
)

// identityKey is the claim, and the key of the context, that have the user.
const identityKey = "id"

type user struct {
	name, role string
	hash       string // of bcrypt
}

// Database stands for the API's database. The servers before and after the move share
// it.
type Database struct {
	mu    sync.Mutex
	users []user
	notes map[string][]string
}

// Demo returns a database with Ada, an editor, and Bob, a reader, with one password for
// both. Its hashes are as cheap as bcrypt has them.
func Demo(password string) (*Database, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	return &Database{
		users: []user{{"ada", "editor", string(hash)}, {"bob", "reader", string(hash)}},
		notes: map[string][]string{"ada": {"water the roses"}, "bob": {"feed the cat"}},
	}, err
}

// user returns the user with this name, and false if there is none.
func (db *Database) user(name string) (user, bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, u := range db.users {
		if u.name == name {
			return u, true
		}
	}
	return user{}, false
}

func (db *Database) me(c *gin.Context) {
	claims := ginjwt.ExtractClaims(c)
	c.JSON(http.StatusOK, gin.H{"id": claims[identityKey], "role": claims["role"], "identity": c.MustGet(identityKey)})
}

func (db *Database) list(c *gin.Context) {
	db.mu.Lock()
	defer db.mu.Unlock()
	c.JSON(http.StatusOK, db.notes[c.GetString(identityKey)])
}

func (db *Database) add(c *gin.Context) {
	if ginjwt.ExtractClaims(c)["role"] != "editor" {
		c.JSON(http.StatusForbidden, gin.H{"message": "only editors write"})
		return
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	name := c.GetString(identityKey)
	db.notes[name] = append(db.notes[name], c.PostForm("text"))
	c.Status(http.StatusCreated)
}

// routes are the same before and after.
func (db *Database) routes(g *gin.RouterGroup) {
	g.GET("/me", db.me)
	g.GET("/notes", db.list)
	g.POST("/notes", db.add)
}
