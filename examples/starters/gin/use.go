package main

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// use makes a middleware of net/http one of gin.
func use(m func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		next := func(_ http.ResponseWriter, r *http.Request) { c.Request = r; c.Next() }
		m(http.HandlerFunc(next)).ServeHTTP(c.Writer, c.Request)
		c.Abort() // the handlers behind m have run by now, or must not run
	}
}
