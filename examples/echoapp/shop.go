package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// customer is a row of the shop's existing table.
type customer struct {
	number   int
	email    string
	hash     string // of their password, by bcrypt
	company  string
	plan     string // "basic" or "pro"
	licences int
	clerk    bool // works here
	closed   bool
}

// shop is the app: its tables, and handlers that read and write them.
type shop struct {
	mu        sync.RWMutex
	customers []customer
	books     []string
}

func newShop() *shop {
	return &shop{
		customers: []customer{
			{
				number: 1001, email: "alice@example.com", company: "Wonderland Ltd", plan: "pro", licences: 2,
				hash: "$2a$10$RU2BVHY2reowV5WpvksFcumrVCW51Nq8TQLVETGYBz/aR97oFrDcm", // correct horse & battery
			},
			{
				number: 1002, email: "bob@example.com", plan: "basic", licences: 1, clerk: true,
				hash: "$2a$10$N6jtSrlFwWXg4YHCO5DsDOYuXLf9aV.7.vb5PtM2vU3vuweelxaIG", // Tr0ub4dor&3
			},
			{
				number: 1003, email: "dan@example.com", plan: "basic", licences: 1, closed: true,
				hash: "$2a$10$cWz7IBKiqZZA4Gl.1yrJVOKfkBjpkUsTwNgv/YSrOJ59wNkQ/O8Zi", // closed for good
			},
		},
		books: []string{"Through the Looking-Glass"},
	}
}

func newEcho() *echo.Echo {
	e := echo.New()
	e.IPExtractor = echo.ExtractIPDirect() // there is no proxy in front
	e.HTTPErrorHandler = answerError
	e.Use(requestID)
	return e
}

func health(c echo.Context) error { return c.NoContent(http.StatusNoContent) }

// listBooks returns the discount of customers with the plan "pro".
func (s *shop) listBooks(c echo.Context) error {
	discount := 0
	if p, ok := echov4.Principal(c); ok && p.Tier == "pro" { // new: callers were not identified here
		discount = 30
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return c.JSON(http.StatusOK, echo.Map{"books": s.books, "discount": discount})
}

func (s *shop) addBook(c echo.Context) error {
	title := c.FormValue("title")
	if title == "" {
		return echo.NewHTTPError(http.StatusUnprocessableEntity, "a book must have a title")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.books = append(slices.Clip(s.books), title)
	return c.NoContent(http.StatusCreated)
}

// orders returns the orders of the customer in the access token.
func (s *shop) orders(c echo.Context) error {
	p, _ := echov4.Principal(c) // new: it was c.QueryParam("customer"), which was not verified
	return c.JSON(http.StatusOK, echo.Map{"customer": p.Subject, "orders": []string{}})
}

// requestID is the shop's own middleware. It runs before Sallyport's, so that
// rejected requests have an ID, too.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderXRequestID, rand.Text())
		return next(c)
	}
}

// answerError is the shop's own error handler. All errors have the same JSON format.
func answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status, message := http.StatusInternalServerError, "something went wrong"
	if known, ok := errors.AsType[*echo.HTTPError](err); ok {
		status, message = known.Code, fmt.Sprint(known.Message)
	}

	// 5. New. Sallyport's errors are *echo.HTTPError, too. Code is the status, and the
	// headers (WWW-Authenticate, Retry-After, RateLimit) are already set. Message
	// is the whole body that Sallyport would send; the shop's format uses the
	// Description of the wrapped *wire.Error. Log err.Error(), and never send it:
	// it names the cause.
	if refusal, ok := errors.AsType[*wire.Error](err); ok {
		message = refusal.Description
	}

	_ = c.JSON(status, echo.Map{"error": echo.Map{"status": status, "message": message}}) // the client may have disconnected
}
