package main

import (
	"os/exec"
	"strings"
	"testing"

	// So that go test does not take an old result from its cache when what the hosts
	// below link has changed.
	_ "github.com/sallyport-go/sallyport/middleware"
	_ "github.com/sallyport-go/sallyport/middleware/echov4"
	_ "github.com/sallyport-go/sallyport/middleware/echov5"
	_ "github.com/sallyport-go/sallyport/store/memstore"
)

const (
	frameworks = "github.com/labstack/ github.com/gin-gonic/ github.com/go-chi/"
	databases  = "github.com/redis/ github.com/jackc/ github.com/lib/pq github.com/go-sql-driver/ github.com/mattn/go-sqlite3 modernc.org/ database/sql"
)

// TestWhatHostsLink holds what a host is promised not to link.
func TestWhatHostsLink(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, host string
		never      string // beginnings of packages
		sign       string // a package that is in the list, or the list is not what it is taken for
	}{
		{
			"a host of rate limits alone links no tokens, no golang-jwt, no x/crypto, no framework and no database", ".",
			"github.com/golang-jwt/ golang.org/x/crypto github.com/sallyport-go/sallyport/tokens github.com/sallyport-go/sallyport/store " + frameworks + " " + databases,
			"github.com/ulule/limiter/v3",
		},
		{"a net/http host links no framework and no database", "../nethttp", frameworks + " " + databases, "github.com/golang-jwt/jwt/v5"},
		{"the shortest host links no framework and no database", "../hello", frameworks + " " + databases, "github.com/golang-jwt/jwt/v5"},
		{"a host on Echo v4 links no database and no Echo v5", "../echoapp", databases + " github.com/labstack/echo/v5", "github.com/labstack/echo/v4"},
		{"a host on Echo v5 links no database and no Echo v4", "../echov5app", databases + " github.com/labstack/echo/v4 github.com/labstack/gommon", "github.com/labstack/echo/v5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", tt.host).Output()
			if err != nil {
				t.Fatalf("go list: %v", err)
			}
			packages := strings.Fields(string(out))
			seen := false
			for _, p := range packages {
				seen = seen || p == tt.sign
				for never := range strings.FieldsSeq(tt.never) {
					if strings.HasPrefix(p, never) {
						t.Errorf("%s links %s", tt.host, p)
					}
				}
			}
			if !seen {
				t.Errorf("go list -deps %s has no %s among %d packages", tt.host, tt.sign, len(packages))
			}
		})
	}
}
