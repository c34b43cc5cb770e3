// Package echojwt is an API on Echo v4 as it was with echo-jwt, and as it is with
// Sallyport. docs/migrate/echo-jwt.md tells how it moves. Read it in this order:
//
//	tasks.go   The API: its tables and its handlers. No line of it changes.
//	before.go  Its routes, its login and echo-jwt.
//	after.go   Its routes behind Sallyport, and the tokens that echo-jwt still verifies.
//	users.go   The API's users, as Sallyport reads them.
package echojwt

import (
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"
)

// claims are what the API puts into its tokens, besides the subject and the times.
type claims struct {
	jwt.RegisteredClaims

	Name  string `json:"name"`
	Admin bool   `json:"admin"`
}

// caller returns the claims of the request's token, as echo-jwt has left them.
func caller(c echo.Context) *claims {
	return c.Get("user").(*jwt.Token).Claims.(*claims) //nolint:forcetypeassert // as such handlers are written
}

type user struct {
	id, login, name string
	hash            string // of bcrypt
	admin, closed   bool
}

type task struct {
	ID    int    `json:"id"`
	Owner string `json:"owner"`
	Title string `json:"title"`
	Done  bool   `json:"done"`
}

// Database stands for the API's database. The servers before and after the move share
// it.
type Database struct {
	mu    sync.RWMutex
	users []user
	tasks []task
}

// user returns the open account that is meant, and false if there is none.
func (db *Database) user(is func(user) bool) (user, bool) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	i := slices.IndexFunc(db.users, func(u user) bool { return !u.closed && is(u) })
	if i < 0 {
		return user{}, false
	}
	return db.users[i], true
}

// api has the handlers.
type api struct{ db *Database }

func (a api) me(c echo.Context) error {
	me := caller(c)
	return c.JSON(http.StatusOK, echo.Map{"id": me.Subject, "name": me.Name, "admin": me.Admin})
}

func (a api) list(c echo.Context) error {
	me, mine := caller(c), []task{}
	a.db.mu.RLock()
	defer a.db.mu.RUnlock()
	for _, t := range a.db.tasks {
		if t.Owner == me.Subject {
			mine = append(mine, t)
		}
	}
	return c.JSON(http.StatusOK, mine)
}

func (a api) add(c echo.Context) error {
	title := c.FormValue("title")
	if title == "" {
		return echo.NewHTTPError(http.StatusBadRequest, "a task needs a title")
	}
	a.db.mu.Lock()
	defer a.db.mu.Unlock()
	t := task{ID: len(a.db.tasks) + 1, Owner: caller(c).Subject, Title: title}
	a.db.tasks = append(a.db.tasks, t)
	return c.JSON(http.StatusCreated, t)
}

func (a api) done(c echo.Context) error {
	me := caller(c)
	id, err := strconv.Atoi(c.Param("id"))
	if err != nil {
		return echo.ErrNotFound
	}
	a.db.mu.Lock()
	defer a.db.mu.Unlock()
	i := slices.IndexFunc(a.db.tasks, func(t task) bool { return t.ID == id && (t.Owner == me.Subject || me.Admin) })
	if i < 0 {
		return echo.ErrNotFound
	}
	a.db.tasks[i].Done = true
	return c.JSON(http.StatusOK, a.db.tasks[i])
}

func (a api) all(c echo.Context) error {
	if !caller(c).Admin {
		return echo.ErrForbidden
	}
	a.db.mu.RLock()
	defer a.db.mu.RUnlock()
	return c.JSON(http.StatusOK, a.db.tasks)
}

// remove deletes a task of the caller's. Only an administrator deletes one that is open.
func (a api) remove(c echo.Context) error {
	me := caller(c)
	id, err := strconv.Atoi(c.Param("id"))
	if err != nil {
		return echo.ErrNotFound
	}
	a.db.mu.Lock()
	defer a.db.mu.Unlock()
	i := slices.IndexFunc(a.db.tasks, func(t task) bool { return t.ID == id && (t.Owner == me.Subject || me.Admin) })
	switch {
	case i < 0:
		return echo.ErrNotFound
	case !a.db.tasks[i].Done && !me.Admin:
		return echo.NewHTTPError(http.StatusConflict, me.Name+", the task is still open")
	}
	a.db.tasks = slices.Delete(a.db.tasks, i, i+1)
	return c.NoContent(http.StatusNoContent)
}

func (a api) health(c echo.Context) error { return c.String(http.StatusOK, "ok") }
